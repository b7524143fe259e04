/**
 * What is asked of a database. Every name is qualified or of pg_catalog, which `BEGIN_READ` puts first, so that nothing a
 * user made can stand in its place.
 */

export const STATEMENT_MS_MAX = 20_000;
const LOCK_MS_MAX = 2_000;

/** One snapshot for all of it; and whatever the role's own settings are, these hold. */
export const BEGIN_READ = `SET search_path TO pg_catalog;
SET row_security TO on;
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL statement_timeout TO ${STATEMENT_MS_MAX};
SET LOCAL lock_timeout TO ${LOCK_MS_MAX}`;
export const END_READ = "ROLLBACK";

/** Temporary relations of every session, ours among them: they are told apart by nothing that we know. */
export const RELATIONS = `
  SELECT c.oid, n.nspname, c.relname, c.relnatts, n.usable
  FROM pg_catalog.pg_class c
  JOIN (SELECT oid, nspname, pg_catalog.has_schema_privilege(oid, 'USAGE') AS usable
        FROM pg_catalog.pg_namespace) n ON n.oid = c.relnamespace
  WHERE c.relkind NOT IN ('i', 'I', 't')
  ORDER BY c.oid
  LIMIT $1::bigint`;

/**
 * Functions that only a superuser can have brought, as part of an extension, and that say of themselves that they look at
 * nothing but their arguments. 12 and 13 are the languages internal and C, the same in every database.
 */
const QUIET = `
  quiet AS MATERIALIZED (
    SELECT p.oid FROM pg_catalog.pg_proc p
    WHERE p.oid >= 16384 AND p.prolang IN (12, 13) AND p.provolatile = 'i'
      AND NOT p.prosecdef AND p.proconfig IS NULL
      AND EXISTS (SELECT FROM pg_catalog.pg_depend d
                  WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'e'))`;

/** Written in a language whose text can query: then IMMUTABLE means that it does not, and only VOLATILE may change things. */
const READS = "p.prolang NOT IN (12, 13) AND p.provolatile <> 'i'";
const CHANGES = "p.prolang NOT IN (12, 13) AND p.provolatile = 'v'";

export const FUNCTIONS = `
  WITH ${QUIET}
  SELECT n.nspname, p.proname, bool_and(q.oid IS NOT NULL), bool_or(${READS}), bool_or(${CHANGES})
  FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  LEFT JOIN quiet q ON q.oid = p.oid
  WHERE p.oid >= $1::oid
  GROUP BY 1, 2 ORDER BY 1, 2
  LIMIT $2::bigint`;

export const OPERATORS = `
  WITH ${QUIET}
  SELECT n.nspname, o.oprname, bool_and(q.oid IS NOT NULL),
    coalesce(bool_or(${READS}), false), coalesce(bool_or(${CHANGES}), false)
  FROM pg_catalog.pg_operator o
  JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
  LEFT JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode
  LEFT JOIN quiet q ON q.oid = o.oprcode
  WHERE o.oid >= $1::oid
  GROUP BY 1, 2 ORDER BY 1, 2
  LIMIT $2::bigint`;

/**
 * Harmless: an enum; a domain that checks nothing; a type of an extension whose input and output are quiet; and nothing
 * that a cast touches which is not. Row types and arrays are left out unless they have the name of a type of PostgreSQL's
 * own: absent and unknown are the same to a rule.
 *
 * A cast between two types of PostgreSQL's own is a superuser's work, and spoils both.
 */
export const TYPES = `
  WITH ${QUIET},
  loud AS MATERIALIZED (
    SELECT castsource, casttarget FROM pg_catalog.pg_cast
    WHERE castfunc >= 16384 AND castfunc NOT IN (SELECT oid FROM quiet)),
  touched AS MATERIALIZED (SELECT castsource AS oid FROM loud UNION SELECT casttarget FROM loud)
  SELECT n.nspname, t.typname,
    t.oid NOT IN (SELECT oid FROM touched) AND CASE t.typtype
      WHEN 'e' THEN true
      WHEN 'd' THEN t.typbasetype < 16384
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c')
      WHEN 'b' THEN t.typinput IN (SELECT oid FROM quiet) AND t.typoutput IN (SELECT oid FROM quiet)
        AND (t.typmodin = 0 OR t.typmodin IN (SELECT oid FROM quiet))
      ELSE false END
  FROM pg_catalog.pg_type t
  JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
  WHERE t.oid >= $1::oid
    AND (t.typtype NOT IN ('b', 'c') OR t.typelem = 0 AND t.typrelid = 0
      OR EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c')
      OR EXISTS (SELECT FROM pg_catalog.pg_type s
                 WHERE s.typname = t.typname AND s.typnamespace = 'pg_catalog'::pg_catalog.regnamespace))
  UNION ALL
  SELECT n.nspname, t.typname, false
  FROM loud JOIN pg_catalog.pg_type t ON t.oid IN (castsource, casttarget)
  JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
  WHERE castsource < 16384 AND casttarget < 16384
  ORDER BY 1, 2
  LIMIT $2::bigint`;

/**
 * Everything that masks could reach, from their columns on: whole families of inheritance, then views over them, and views
 * over those. $1, $2, $3: schemas, tables and columns of the masks; $4: relations to begin from as well.
 */
export const REACHED = `
  WITH RECURSIVE mask AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) AS mask(schema, "table", "column")),
  seed AS MATERIALIZED (
    SELECT DISTINCT c.oid
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN mask ON a.attname = mask."column"
    WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND (mask.schema IN ('*', n.nspname) OR mask.schema = 'pg_temp' AND n.nspname ~ '^pg_temp_')
      AND mask."table" IN ('*', c.relname)),
  family(oid) AS (
    SELECT oid FROM seed
    UNION
    SELECT kin.oid FROM family f
    JOIN LATERAL (SELECT i.inhrelid AS oid FROM pg_catalog.pg_inherits i WHERE i.inhparent = f.oid
                  UNION ALL
                  SELECT i.inhparent FROM pg_catalog.pg_inherits i WHERE i.inhrelid = f.oid) kin ON true),
  reached(oid) AS (
    SELECT oid FROM (SELECT oid FROM family UNION SELECT unnest($4::oid[])) start
    UNION
    SELECT r.ev_class FROM reached
    JOIN pg_catalog.pg_depend d ON d.refobjid = reached.oid
      AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
      AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
    JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid AND r.ev_type = '1')
  SELECT c.oid, n.nspname, c.relname, t.relname, c.relkind IN ('v', 'm')
  FROM reached
  JOIN pg_catalog.pg_class c ON c.oid = reached.oid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid
  ORDER BY c.oid
  LIMIT $5::bigint`;

/** What initdb made depends on what is pinned without a word in pg_depend; the rules themselves name it. */
export const READERS_OF_PINNED = `
  SELECT r.ev_class FROM pg_catalog.pg_rewrite r
  WHERE r.ev_type = '1' AND r.ev_action::text ~ (':relid (' || array_to_string($1::oid[], '|') || ')\\M')`;

export const COLUMNS = `
  SELECT a.attrelid, a.attnum, a.attname
  FROM pg_catalog.pg_attribute a
  WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
  ORDER BY 1, 2
  LIMIT $2::bigint`;

export const PARENTS = `
  SELECT i.inhrelid, i.inhparent FROM pg_catalog.pg_inherits i WHERE i.inhrelid = ANY ($1::oid[]) ORDER BY 1, 2`;

/** The expression of a generated column depends on the columns in it. */
export const GENERATED = `
  SELECT f.adrelid, f.adnum, d.refobjsubid
  FROM pg_catalog.pg_attrdef f
  JOIN pg_catalog.pg_depend d ON d.objid = f.oid
    AND d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
    AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    AND d.refobjid = f.adrelid AND d.refobjsubid NOT IN (0, f.adnum)
  WHERE f.adrelid = ANY ($1::oid[])
  ORDER BY 1, 2, 3`;

export const VIEW_RULES = `
  SELECT r.ev_class, CASE WHEN octet_length(r.ev_action::text) <= $2::int THEN r.ev_action::text END,
    (SELECT string_agg(DISTINCT d.refobjid::text, ',') FROM pg_catalog.pg_depend d
     WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
       AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> r.ev_class)
  FROM pg_catalog.pg_rewrite r
  WHERE r.ev_type = '1' AND r.ev_class = ANY ($1::oid[])
  ORDER BY 1
  LIMIT $3::bigint`;
