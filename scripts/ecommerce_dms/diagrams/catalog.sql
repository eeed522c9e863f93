-- What catalog.py reads. Each query names its table first and is sorted, so that pictures of equal schemas are equal.

-- query: tables
SELECT c.relname,
       coalesce(obj_description(c.oid, 'pg_class'), ''),
       CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) ELSE '' END,
       ARRAY(SELECT p.relid::regclass::text
             FROM pg_partition_tree(c.oid) AS p
             WHERE p.level > 0
             ORDER BY p.level, p.relid::regclass::text COLLATE "C")
FROM pg_class AS c
WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %(schema)s)
  AND c.relkind IN ('r', 'p') AND NOT c.relispartition
ORDER BY c.relname COLLATE "C"

-- query: columns
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,
       CASE a.attidentity WHEN 'a' THEN 'identity' WHEN 'd' THEN 'identity (by default)'
            ELSE coalesce(pg_get_expr(d.adbin, d.adrelid), '') END,
       a.attgenerated <> '',
       coalesce(col_description(c.oid, a.attnum), '')
FROM pg_class AS c
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %(schema)s)
  AND c.relkind IN ('r', 'p') AND NOT c.relispartition
ORDER BY c.relname COLLATE "C", a.attnum

-- query: keys
SELECT c.relname, i.indisprimary,
       ARRAY(SELECT a.attname::text
             FROM unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (attnum, place)
             JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.attnum
             WHERE k.place <= i.indnkeyatts
             ORDER BY k.place)
FROM pg_class AS c
JOIN pg_index AS i ON i.indrelid = c.oid
JOIN pg_class AS x ON x.oid = i.indexrelid
WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %(schema)s)
  AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
ORDER BY c.relname COLLATE "C", i.indisprimary DESC, x.relname COLLATE "C"

-- query: foreign_keys
SELECT c.relname, k.conname,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS n (attnum, place)
             JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = n.attnum ORDER BY n.place),
       s.nspname, t.relname,
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS n (attnum, place)
             JOIN pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = n.attnum ORDER BY n.place),
       CASE k.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT'
            WHEN 'r' THEN 'RESTRICT' ELSE '' END,
       coalesce(obj_description(k.oid, 'pg_constraint'), '')
FROM pg_constraint AS k
JOIN pg_class AS c ON c.oid = k.conrelid
JOIN pg_class AS t ON t.oid = k.confrelid
JOIN pg_namespace AS s ON s.oid = t.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0 AND NOT c.relispartition
  AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %(schema)s)
ORDER BY c.relname COLLATE "C", k.conname COLLATE "C"

-- query: checks
SELECT c.relname, k.conname, pg_get_constraintdef(k.oid, true), coalesce(obj_description(k.oid, 'pg_constraint'), '')
FROM pg_constraint AS k
JOIN pg_class AS c ON c.oid = k.conrelid
WHERE k.contype IN ('c', 'x') AND NOT c.relispartition
  AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %(schema)s)
ORDER BY c.relname COLLATE "C", k.conname COLLATE "C"

-- query: indexes
SELECT c.relname, x.relname, m.amname, i.indisunique, i.indisprimary,
       ARRAY(SELECT pg_get_indexdef(i.indexrelid, n, true)
                    || CASE WHEN pg_index_column_has_property(i.indexrelid, n, 'desc') THEN ' DESC' ELSE '' END
             FROM generate_series(1, i.indnkeyatts) AS n ORDER BY n),
       ARRAY(SELECT pg_get_indexdef(i.indexrelid, n, true)
             FROM generate_series(i.indnkeyatts + 1, i.indnatts) AS n ORDER BY n),
       coalesce(pg_get_expr(i.indpred, i.indrelid, true), ''),
       coalesce(obj_description(x.oid, 'pg_class'), '')
FROM pg_index AS i
JOIN pg_class AS c ON c.oid = i.indrelid
JOIN pg_class AS x ON x.oid = i.indexrelid
JOIN pg_am AS m ON m.oid = x.relam
WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %(schema)s)
  AND c.relkind IN ('r', 'p') AND NOT c.relispartition
ORDER BY c.relname COLLATE "C", i.indisprimary DESC, x.relname COLLATE "C"

-- query: triggers
SELECT c.relname, t.tgname,
       CASE WHEN t.tgconstraint <> 0 AND t.tginitdeferred THEN 'at commit'
            WHEN t.tgtype & 2 <> 0 THEN 'before' WHEN t.tgtype & 64 <> 0 THEN 'instead of' ELSE 'after' END,
       array_remove(ARRAY[
           CASE WHEN t.tgtype & 4 <> 0 THEN 'INSERT' END,
           CASE WHEN t.tgtype & 16 <> 0 THEN 'UPDATE' || coalesce(' OF ' || (
               SELECT string_agg(a.attname, ', ' ORDER BY a.attnum)
               FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum = ANY (t.tgattr::smallint[])), '') END,
           CASE WHEN t.tgtype & 8 <> 0 THEN 'DELETE' END, CASE WHEN t.tgtype & 32 <> 0 THEN 'TRUNCATE' END], NULL),
       p.proname,
       t.tgargs,
       coalesce(obj_description(t.oid, 'pg_trigger'), ''),
       coalesce(obj_description(p.oid, 'pg_proc'), '')
FROM pg_trigger AS t
JOIN pg_class AS c ON c.oid = t.tgrelid
JOIN pg_proc AS p ON p.oid = t.tgfoid
WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND NOT c.relispartition
  AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %(schema)s)
ORDER BY c.relname COLLATE "C", t.tgname COLLATE "C"

-- query: enums
SELECT t.typname, array_agg(e.enumlabel::text ORDER BY e.enumsortorder)
FROM pg_type AS t
JOIN pg_enum AS e ON e.enumtypid = t.oid
WHERE t.typnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %(schema)s)
GROUP BY t.typname
ORDER BY t.typname COLLATE "C"
