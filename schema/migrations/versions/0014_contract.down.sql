DROP FUNCTION shop.require_actor();
DROP FUNCTION shop.tell_outbox(text, text, text, jsonb);
DROP FUNCTION shop.require_own(uuid);
DROP FUNCTION shop.refuse_unless_trusted();
DROP FUNCTION shop.require_read_committed();
DROP FUNCTION shop.refuse_other_content(text, text);
DROP FUNCTION shop.refuse_missing(text, text);
DROP FUNCTION shop.require_none(text[]);
DROP FUNCTION shop.require(boolean, text, text);
