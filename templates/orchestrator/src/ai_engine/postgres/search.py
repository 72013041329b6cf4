"""The full text search behind replies, in SQL: it uses the GIN indices, and never looks at another tenant's rows."""

from sqlalchemy import text

from ai_engine.postgres.tables import LANGUAGE

FIND_PASSAGES = text(
    f"""
    WITH asked AS (
        SELECT tsvector_to_array(to_tsvector('{LANGUAGE}', :question)) AS words,
               replace(plainto_tsquery('{LANGUAGE}', :question)::text, ' & ', ' | ')::tsquery AS any_word
    ), passages AS (
        SELECT 'message' AS kind, conversation_id || '-' || number AS id, role, text, NULL::jsonb AS fields,
               messages.words, created_at
        FROM messages, asked
        WHERE tenant = :tenant AND messages.words @@ any_word
          AND (role = 'agent'
               OR (role = 'user' AND conversation_id = :conversation AND rtrim(text, E' \\t\\r\\n') NOT LIKE '%?'))
        UNION ALL
        SELECT 'document', number::text, NULL, NULL, fields, items.words, updated_at
        FROM items, asked
        WHERE tenant = :tenant AND resource = :documents AND items.words @@ any_word
    ), judged AS (
        SELECT passages.*, cardinality(asked.words) AS asked_words, ts_rank(passages.words, any_word) AS rank,
               (SELECT count(*) FROM unnest(asked.words) AS word
                WHERE word = ANY (tsvector_to_array(passages.words))) AS shared
        FROM passages, asked
    )
    SELECT kind, id, role, text, fields FROM judged
    WHERE 2 * shared >= asked_words
    ORDER BY shared DESC, rank DESC, created_at DESC, id
    LIMIT :most
    """  # noqa: S608 - the language is a constant; what a user wrote is a parameter
)
"""Rows of kind, id, role, text and fields. How much of a question a passage has to share: `retrieval.fits`."""
