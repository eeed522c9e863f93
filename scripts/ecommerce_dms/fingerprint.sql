-- What fingerprint.py reads: one row (object, definition) for each thing in the schemas shop and api that
-- somebody could change. One statement, and so one snapshot. Only pg_catalog and the server's own pg_get_*def
-- are used, with search_path = pg_catalog, so that every name in a definition carries its schema.
--
-- Left out: owners, OIDs, the database's name, and alembic_version, which Alembic makes as it likes. Order:
-- enum labels and a table's columns are listed in theirs, because comparisons and sorting, and SELECT * and
-- COPY without a column list, depend on it. Nothing else depends on the order in which it was made.

WITH schemas AS (
    SELECT * FROM pg_namespace WHERE nspname IN ('shop', 'api')
),

relations AS (
    SELECT c.*,
           c.oid::regclass::text AS name,
           CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view' WHEN 'S' THEN 'sequence'
                          WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' WHEN 'c' THEN 'type' END AS kind
    FROM pg_class AS c JOIN schemas AS n ON n.oid = c.relnamespace
    WHERE c.relkind NOT IN ('i', 'I', 't') AND NOT (n.nspname = 'shop' AND c.relname = 'alembic_version')
),

constraints AS (
    SELECT o.*, coalesce(r.name, o.contypid::regtype::text) AS of
    FROM pg_constraint AS o JOIN schemas AS n ON n.oid = o.connamespace LEFT JOIN relations AS r ON r.oid = o.conrelid
    WHERE o.conrelid = 0 OR r.oid IS NOT NULL
),

types AS (
    -- Without arrays, and without the row types of tables and views.
    SELECT t.*
    FROM pg_type AS t JOIN schemas AS n ON n.oid = t.typnamespace LEFT JOIN pg_class AS c ON c.oid = t.typrelid
    WHERE t.typcategory <> 'A' AND coalesce(c.relkind, 'c') = 'c'
),

functions AS (
    SELECT p.* FROM pg_proc AS p JOIN schemas AS n ON n.oid = p.pronamespace
),

triggers AS (
    SELECT t.*, r.name AS of FROM pg_trigger AS t JOIN relations AS r ON r.oid = t.tgrelid
),

policies AS (
    SELECT p.*, r.name AS of FROM pg_policy AS p JOIN relations AS r ON r.oid = p.polrelid
),

-- Everybody's privileges but the owner's, who has all. An ACL that is NULL means the default one.
privileges (object, owner, acl) AS (
    SELECT format('schema %I', nspname), nspowner, coalesce(nspacl, acldefault('n', nspowner)) FROM schemas
    UNION ALL
    SELECT format('%s %s', kind, name), relowner,
           coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner))
    FROM relations WHERE relkind <> 'c'
    UNION ALL
    SELECT format('column %s.%I', r.name, a.attname), r.relowner, a.attacl
    FROM relations AS r JOIN pg_attribute AS a ON a.attrelid = r.oid WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
    UNION ALL
    SELECT format('function %s', oid::regprocedure), proowner, coalesce(proacl, acldefault('f', proowner)) FROM functions
    UNION ALL
    SELECT format('type %s', oid::regtype), typowner, coalesce(typacl, acldefault('T', typowner)) FROM types
    UNION ALL
    SELECT format('future objects (%s)%s', d.defaclobjtype, ' in schema ' || n.nspname), d.defaclrole, d.defaclacl
    FROM pg_default_acl AS d LEFT JOIN pg_namespace AS n ON n.oid = d.defaclnamespace
    WHERE pg_get_userbyid(d.defaclrole) = 'shop_owner' OR n.nspname IN ('shop', 'api')
),

commented (classoid, objoid) AS (
    SELECT 'pg_namespace'::regclass, oid FROM schemas
    UNION ALL SELECT 'pg_class'::regclass, oid FROM relations
    UNION ALL SELECT 'pg_class'::regclass, i.indexrelid FROM pg_index AS i JOIN relations AS r ON r.oid = i.indrelid
    UNION ALL SELECT 'pg_constraint'::regclass, oid FROM constraints
    UNION ALL SELECT 'pg_type'::regclass, oid FROM types
    UNION ALL SELECT 'pg_proc'::regclass, oid FROM functions
    UNION ALL SELECT 'pg_trigger'::regclass, oid FROM triggers
    UNION ALL SELECT 'pg_policy'::regclass, oid FROM policies
)

-- Tables, views, composite types
SELECT format('%s %s', r.kind, r.name) AS object,
       concat_ws(E'\n',
           'columns: ' || (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum)
                           FROM pg_attribute WHERE attrelid = r.oid AND attnum > 0 AND NOT attisdropped),
           'options: ' || (SELECT string_agg(o, ', ' ORDER BY o COLLATE "C") FROM unnest(r.reloptions) AS o),
           'toast options: ' || (SELECT string_agg(o, ', ' ORDER BY o COLLATE "C")
                                 FROM pg_class AS t, unnest(t.reloptions) AS o WHERE t.oid = r.reltoastrelid),
           CASE r.relpersistence WHEN 'u' THEN 'unlogged' END,
           CASE WHEN r.relrowsecurity THEN 'row level security' END,
           CASE WHEN r.relforcerowsecurity THEN 'forced row level security' END,
           CASE r.relreplident WHEN 'f' THEN 'replica identity full' WHEN 'i' THEN 'replica identity by index' END,
           'partitioned by ' || pg_get_partkeydef(r.oid),
           (SELECT concat_ws(' ', 'child of', string_agg(inhparent::regclass::text, ', ' ORDER BY inhseqno),
                             pg_get_expr(r.relpartbound, r.oid)) FROM pg_inherits WHERE inhrelid = r.oid HAVING count(*) > 0),
           pg_get_viewdef(r.oid)) AS definition
FROM relations AS r
WHERE r.relkind <> 'S'

-- Columns. NOT NULL is told here and not among the constraints, since the server makes up the constraint's
-- name.
UNION ALL
SELECT format('column %s.%I', r.name, a.attname),
       concat_ws(' ',
           format_type(a.atttypid, a.atttypmod),
           CASE WHEN a.attcollation <> t.typcollation THEN 'COLLATE ' || a.attcollation::regcollation::text END,
           CASE a.attgenerated WHEN '' THEN 'DEFAULT' WHEN 's' THEN 'STORED' WHEN 'v' THEN 'VIRTUAL' END
               || ' ' || pg_get_expr(d.adbin, d.adrelid),
           CASE a.attidentity WHEN 'a' THEN 'IDENTITY ALWAYS' WHEN 'd' THEN 'IDENTITY BY DEFAULT' END,
           CASE WHEN a.attnotnull THEN 'NOT NULL' END,
           (SELECT 'NOT VALID' FROM pg_constraint
            WHERE conrelid = r.oid AND contype = 'n' AND conkey = ARRAY[a.attnum] AND NOT convalidated),
           CASE WHEN a.attstorage <> t.typstorage THEN 'STORAGE ' || a.attstorage::text END,
           'COMPRESSION ' || nullif(a.attcompression::text, ''),
           'STATISTICS ' || nullif(a.attstattarget, -1),
           'OPTIONS ' || a.attoptions::text)
FROM relations AS r JOIN pg_attribute AS a ON a.attrelid = r.oid JOIN pg_type AS t ON t.oid = a.atttypid
     LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped AND r.relkind <> 'S'

-- Sequences, with the column they belong to
UNION ALL
SELECT format('sequence %s', r.name),
       format('AS %s START %s MINVALUE %s MAXVALUE %s INCREMENT %s CACHE %s%s', format_type(s.seqtypid, NULL), s.seqstart,
              s.seqmin, s.seqmax, s.seqincrement, s.seqcache, CASE WHEN s.seqcycle THEN ' CYCLE' END)
       || coalesce((SELECT format(' OWNED BY %s.%I', d.refobjid::regclass, a.attname)
                    FROM pg_depend AS d JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.deptype IN ('a', 'i')), '')
FROM relations AS r JOIN pg_sequence AS s ON s.seqrelid = r.oid

-- Constraints. ALTER TABLE … DISABLE TRIGGER ALL also stops the hidden triggers that check foreign keys.
UNION ALL
SELECT format('constraint %I of %s', o.conname, o.of),
       concat_ws(' ', pg_get_constraintdef(o.oid),
                 (SELECT 'WITH DISABLED TRIGGERS ' || string_agg(DISTINCT tgenabled::text, ',') FROM pg_trigger
                  WHERE tgconstraint = o.oid AND tgisinternal AND tgenabled <> 'O' HAVING count(*) > 0))
FROM constraints AS o
WHERE o.contype <> 'n'

UNION ALL
SELECT format('index %s', x.indexrelid::regclass),
       concat_ws(' ', pg_get_indexdef(x.indexrelid),
                 CASE WHEN NOT x.indisvalid THEN 'INVALID' END,
                 CASE WHEN x.indisclustered THEN 'CLUSTERED' END,
                 CASE WHEN x.indisreplident THEN 'REPLICA IDENTITY' END)
FROM relations AS r JOIN pg_index AS x ON x.indrelid = r.oid

UNION ALL
SELECT format('statistics %I.%I', n.nspname, s.stxname), pg_get_statisticsobjdef(s.oid)
FROM pg_statistic_ext AS s JOIN schemas AS n ON n.oid = s.stxnamespace

UNION ALL
SELECT format('trigger %I of %s', t.tgname, t.of),
       concat_ws(' ', pg_get_triggerdef(t.oid),
                 CASE t.tgenabled WHEN 'D' THEN 'DISABLED' WHEN 'R' THEN 'REPLICA' WHEN 'A' THEN 'ALWAYS' END)
FROM triggers AS t
WHERE NOT t.tgisinternal

-- Rules, but for those that are views
UNION ALL
SELECT format('rule %I of %s', w.rulename, r.name), pg_get_ruledef(w.oid) || ' ' || w.ev_enabled::text
FROM relations AS r JOIN pg_rewrite AS w ON w.ev_class = r.oid
WHERE w.rulename <> '_RETURN'

UNION ALL
SELECT format('policy %I of %s', p.polname, p.of),
       concat_ws(' ',
           CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
           CASE p.polcmd WHEN 'r' THEN 'FOR SELECT' WHEN 'a' THEN 'FOR INSERT' WHEN 'w' THEN 'FOR UPDATE'
                         WHEN 'd' THEN 'FOR DELETE' ELSE 'FOR ALL' END,
           'TO ' || (SELECT string_agg(who, ', ' ORDER BY who COLLATE "C")
                     FROM unnest(p.polroles) AS role,
                          LATERAL (VALUES (CASE role WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(role) END)) AS v (who)),
           'USING ' || pg_get_expr(p.polqual, p.polrelid),
           'WITH CHECK ' || pg_get_expr(p.polwithcheck, p.polrelid))
FROM policies AS p

-- Functions, procedures, aggregates
UNION ALL
SELECT format('function %s', p.oid::regprocedure),
       CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid)
            ELSE (SELECT format('aggregate %s %s %s %s', aggtransfn, aggfinalfn, format_type(aggtranstype, NULL), agginitval)
                  FROM pg_aggregate WHERE aggfnoid = p.oid) END
FROM functions AS p

-- Enums, domains, ranges
UNION ALL
SELECT format('type %s', t.oid::regtype),
       CASE t.typtype
           WHEN 'e' THEN 'enum ' || (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder)
                                     FROM pg_enum WHERE enumtypid = t.oid)
           WHEN 'd' THEN concat_ws(' ', 'domain', format_type(t.typbasetype, t.typtypmod),
                                   'COLLATE ' || nullif(t.typcollation, 0)::regcollation::text,
                                   'DEFAULT ' || t.typdefault, CASE WHEN t.typnotnull THEN 'NOT NULL' END)
           ELSE (SELECT 'range of ' || format_type(rngsubtype, NULL) FROM pg_range WHERE t.oid IN (rngtypid, rngmultitypid))
       END
FROM types AS t
WHERE t.typtype <> 'c'

UNION ALL
SELECT format('comment on %s %s', i.type, i.identity), d.description
FROM commented JOIN pg_description AS d USING (classoid, objoid),
     pg_identify_object(d.classoid, d.objoid, d.objsubid) AS i

UNION ALL
SELECT format('privileges of %s on %s', CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee) END, p.object),
       string_agg(DISTINCT (a.privilege_type || CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) COLLATE "C", ', ')
FROM privileges AS p, aclexplode(p.acl) AS a
WHERE a.grantee <> p.owner
GROUP BY p.object, a.grantee
