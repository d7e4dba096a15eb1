-- Written by revision c3300219; all of it is synthetic.
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE SCHEMA earlier;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE earlier.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE earlier.arrival (
    sequence bigint NOT NULL,
    number bigint NOT NULL,
    exchange_id text NOT NULL COLLATE pg_catalog."C",
    message_id text NOT NULL,
    sha256 text NOT NULL,
    early smallint NOT NULL,
    reply_number bigint NOT NULL,
    status integer NOT NULL,
    answer bytea NOT NULL
);
CREATE TABLE earlier.attachment (
    kind smallint NOT NULL,
    n bigint NOT NULL,
    number integer NOT NULL,
    content_id text NOT NULL,
    content_type text NOT NULL,
    encoding text NOT NULL,
    at bigint NOT NULL,
    length bigint NOT NULL,
    size bigint NOT NULL,
    sha256 text NOT NULL
);
CREATE TABLE earlier.audit (
    n bigint NOT NULL,
    at double precision NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    municipality text NOT NULL,
    subject text NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL
);
CREATE TABLE earlier.body (
    n bigint NOT NULL,
    raw bytea NOT NULL
)
PARTITION BY RANGE (n);
CREATE TABLE earlier.body_20260921 (
    n bigint NOT NULL,
    raw bytea NOT NULL
);
ALTER TABLE ONLY earlier.body_20260921 ALTER COLUMN raw SET STORAGE EXTERNAL;
CREATE TABLE earlier.body_20260922 (
    n bigint NOT NULL,
    raw bytea NOT NULL
);
ALTER TABLE ONLY earlier.body_20260922 ALTER COLUMN raw SET STORAGE EXTERNAL;
CREATE TABLE earlier.carry (
    source text NOT NULL,
    last bigint NOT NULL,
    done smallint NOT NULL
);
CREATE TABLE earlier.day (
    day integer NOT NULL
);
CREATE TABLE earlier.delivery (
    n bigint NOT NULL,
    target text NOT NULL COLLATE pg_catalog."C",
    state text NOT NULL COLLATE pg_catalog."C",
    open smallint,
    updated_at double precision NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    code text DEFAULT ''::text NOT NULL,
    detail text DEFAULT ''::text NOT NULL,
    next_attempt_at double precision DEFAULT 0 NOT NULL,
    request_out double precision DEFAULT 0 NOT NULL,
    response_in double precision DEFAULT 0 NOT NULL,
    response_out double precision DEFAULT 0 NOT NULL,
    ended smallint GENERATED ALWAYS AS (
CASE state
    WHEN 'EXPIRED'::text THEN 1
    WHEN 'CANCELLED'::text THEN 2
    ELSE NULL::integer
END) STORED
)
PARTITION BY RANGE (n);
CREATE TABLE earlier.delivery_20260921 (
    n bigint NOT NULL,
    target text NOT NULL COLLATE pg_catalog."C",
    state text NOT NULL COLLATE pg_catalog."C",
    open smallint,
    updated_at double precision NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    code text DEFAULT ''::text NOT NULL,
    detail text DEFAULT ''::text NOT NULL,
    next_attempt_at double precision DEFAULT 0 NOT NULL,
    request_out double precision DEFAULT 0 NOT NULL,
    response_in double precision DEFAULT 0 NOT NULL,
    response_out double precision DEFAULT 0 NOT NULL,
    ended smallint GENERATED ALWAYS AS (
CASE state
    WHEN 'EXPIRED'::text THEN 1
    WHEN 'CANCELLED'::text THEN 2
    ELSE NULL::integer
END) STORED
)
WITH (fillfactor='70');
CREATE TABLE earlier.delivery_20260922 (
    n bigint NOT NULL,
    target text NOT NULL COLLATE pg_catalog."C",
    state text NOT NULL COLLATE pg_catalog."C",
    open smallint,
    updated_at double precision NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    code text DEFAULT ''::text NOT NULL,
    detail text DEFAULT ''::text NOT NULL,
    next_attempt_at double precision DEFAULT 0 NOT NULL,
    request_out double precision DEFAULT 0 NOT NULL,
    response_in double precision DEFAULT 0 NOT NULL,
    response_out double precision DEFAULT 0 NOT NULL,
    ended smallint GENERATED ALWAYS AS (
CASE state
    WHEN 'EXPIRED'::text THEN 1
    WHEN 'CANCELLED'::text THEN 2
    ELSE NULL::integer
END) STORED
)
WITH (fillfactor='70');
CREATE TABLE earlier.departure (
    sequence bigint NOT NULL,
    number bigint NOT NULL,
    delivery bigint NOT NULL,
    delivery_id text NOT NULL,
    acknowledged smallint NOT NULL
);
CREATE TABLE earlier.event (
    delivery bigint NOT NULL,
    n integer NOT NULL,
    at double precision NOT NULL,
    state text NOT NULL,
    attempt integer NOT NULL,
    code text NOT NULL,
    detail text NOT NULL,
    actor text NOT NULL
)
PARTITION BY RANGE (delivery);
CREATE TABLE earlier.event_20260921 (
    delivery bigint NOT NULL,
    n integer NOT NULL,
    at double precision NOT NULL,
    state text NOT NULL,
    attempt integer NOT NULL,
    code text NOT NULL,
    detail text NOT NULL,
    actor text NOT NULL
);
CREATE TABLE earlier.event_20260922 (
    delivery bigint NOT NULL,
    n integer NOT NULL,
    at double precision NOT NULL,
    state text NOT NULL,
    attempt integer NOT NULL,
    code text NOT NULL,
    detail text NOT NULL,
    actor text NOT NULL
);
CREATE TABLE earlier.exchange (
    n bigint NOT NULL,
    exchange_id text NOT NULL,
    municipality text NOT NULL COLLATE pg_catalog."C",
    sender text NOT NULL COLLATE pg_catalog."C",
    message_id text NOT NULL,
    refused smallint NOT NULL,
    sha256 text NOT NULL,
    unit text NOT NULL,
    operation text NOT NULL COLLATE pg_catalog."C",
    edition text NOT NULL,
    purpose text NOT NULL,
    mode text NOT NULL,
    ordering_keys text NOT NULL,
    received_at double precision NOT NULL,
    expires_at double precision NOT NULL,
    content_type text NOT NULL,
    soap_action text NOT NULL,
    relates_to text NOT NULL,
    tables_hash text NOT NULL,
    size bigint NOT NULL,
    code text NOT NULL
)
PARTITION BY RANGE (n);
CREATE TABLE earlier.exchange_20260921 (
    n bigint NOT NULL,
    exchange_id text NOT NULL,
    municipality text NOT NULL COLLATE pg_catalog."C",
    sender text NOT NULL COLLATE pg_catalog."C",
    message_id text NOT NULL,
    refused smallint NOT NULL,
    sha256 text NOT NULL,
    unit text NOT NULL,
    operation text NOT NULL COLLATE pg_catalog."C",
    edition text NOT NULL,
    purpose text NOT NULL,
    mode text NOT NULL,
    ordering_keys text NOT NULL,
    received_at double precision NOT NULL,
    expires_at double precision NOT NULL,
    content_type text NOT NULL,
    soap_action text NOT NULL,
    relates_to text NOT NULL,
    tables_hash text NOT NULL,
    size bigint NOT NULL,
    code text NOT NULL
);
CREATE TABLE earlier.exchange_20260922 (
    n bigint NOT NULL,
    exchange_id text NOT NULL,
    municipality text NOT NULL COLLATE pg_catalog."C",
    sender text NOT NULL COLLATE pg_catalog."C",
    message_id text NOT NULL,
    refused smallint NOT NULL,
    sha256 text NOT NULL,
    unit text NOT NULL,
    operation text NOT NULL COLLATE pg_catalog."C",
    edition text NOT NULL,
    purpose text NOT NULL,
    mode text NOT NULL,
    ordering_keys text NOT NULL,
    received_at double precision NOT NULL,
    expires_at double precision NOT NULL,
    content_type text NOT NULL,
    soap_action text NOT NULL,
    relates_to text NOT NULL,
    tables_hash text NOT NULL,
    size bigint NOT NULL,
    code text NOT NULL
);
CREATE TABLE earlier.exchange_key (
    exchange_id text NOT NULL COLLATE pg_catalog."C",
    n bigint NOT NULL,
    key bigint NOT NULL
);
CREATE TABLE earlier.removal (
    r bigint NOT NULL,
    at double precision NOT NULL,
    actor text NOT NULL,
    kind text NOT NULL,
    number bigint NOT NULL,
    bytes bigint NOT NULL,
    first_at double precision NOT NULL,
    last_at double precision NOT NULL,
    ids bytea NOT NULL,
    key text DEFAULT ''::text NOT NULL,
    signature bytea DEFAULT '\x'::bytea NOT NULL
);
CREATE TABLE earlier.reply (
    n bigint NOT NULL,
    status integer NOT NULL,
    content_type text NOT NULL,
    raw bytea NOT NULL
)
PARTITION BY RANGE (n);
CREATE TABLE earlier.reply_20260921 (
    n bigint NOT NULL,
    status integer NOT NULL,
    content_type text NOT NULL,
    raw bytea NOT NULL
);
ALTER TABLE ONLY earlier.reply_20260921 ALTER COLUMN raw SET STORAGE EXTERNAL;
CREATE TABLE earlier.reply_20260922 (
    n bigint NOT NULL,
    status integer NOT NULL,
    content_type text NOT NULL,
    raw bytea NOT NULL
);
ALTER TABLE ONLY earlier.reply_20260922 ALTER COLUMN raw SET STORAGE EXTERNAL;
CREATE TABLE earlier.seal (
    s bigint NOT NULL,
    at double precision NOT NULL,
    previous text NOT NULL,
    number bigint NOT NULL,
    digest text NOT NULL,
    key text NOT NULL,
    signature bytea NOT NULL,
    entries bytea NOT NULL
);
ALTER TABLE ONLY earlier.seal ALTER COLUMN entries SET STORAGE EXTERNAL;
CREATE TABLE earlier.sealing (
    name text NOT NULL,
    value bigint NOT NULL
);
CREATE TABLE earlier.seen (
    value bytea NOT NULL,
    until double precision NOT NULL
);
CREATE TABLE earlier.segment (
    kind smallint NOT NULL,
    n bigint NOT NULL,
    name text NOT NULL,
    content_type text NOT NULL,
    root_type text NOT NULL,
    size bigint NOT NULL,
    sha256 text NOT NULL,
    digest text NOT NULL,
    mtom smallint NOT NULL
);
CREATE TABLE earlier.sequence (
    s bigint NOT NULL,
    role text NOT NULL,
    municipality text NOT NULL,
    endpoint text NOT NULL,
    identifier text NOT NULL,
    identity text NOT NULL,
    state text NOT NULL,
    created_at double precision NOT NULL,
    expires_at double precision NOT NULL,
    changed_at double precision NOT NULL,
    acks_to text NOT NULL,
    partner text NOT NULL,
    create_id text NOT NULL,
    last_number bigint NOT NULL,
    code text NOT NULL,
    numbers text NOT NULL,
    acknowledged text NOT NULL
);
CREATE TABLE earlier.sequence_event (
    sequence bigint NOT NULL,
    n integer NOT NULL,
    at double precision NOT NULL,
    state text NOT NULL,
    code text NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL
);
ALTER TABLE earlier.sequence ALTER COLUMN s ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME earlier.sequence_s_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE earlier.touched (
    t bigint NOT NULL,
    deliveries bytea NOT NULL
);
ALTER TABLE earlier.touched ALTER COLUMN t ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME earlier.touched_t_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE earlier.turn (
    one boolean DEFAULT true NOT NULL,
    batches bigint DEFAULT 0 NOT NULL,
    last_n bigint DEFAULT 0 NOT NULL,
    owner text DEFAULT ''::text NOT NULL,
    serial bigint DEFAULT 0 NOT NULL,
    accepted bigint DEFAULT 0 NOT NULL,
    rejected bigint DEFAULT 0 NOT NULL,
    deliveries bigint DEFAULT 0 NOT NULL,
    delivered bigint DEFAULT 0 NOT NULL,
    replied bigint DEFAULT 0 NOT NULL,
    expired bigint DEFAULT 0 NOT NULL,
    cancelled bigint DEFAULT 0 NOT NULL,
    CONSTRAINT turn_one_check CHECK (one)
)
WITH (fillfactor='20');
ALTER TABLE ONLY earlier.body ATTACH PARTITION earlier.body_20260921 FOR VALUES FROM ('1423661399539712') TO ('1423730119016448');
ALTER TABLE ONLY earlier.body ATTACH PARTITION earlier.body_20260922 FOR VALUES FROM ('1423730119016448') TO ('1423798838493184');
ALTER TABLE ONLY earlier.delivery ATTACH PARTITION earlier.delivery_20260921 FOR VALUES FROM ('5831317092514660352') TO ('5831598567491371008');
ALTER TABLE ONLY earlier.delivery ATTACH PARTITION earlier.delivery_20260922 FOR VALUES FROM ('5831598567491371008') TO ('5831880042468081664');
ALTER TABLE ONLY earlier.event ATTACH PARTITION earlier.event_20260921 FOR VALUES FROM ('5831317092514660352') TO ('5831598567491371008');
ALTER TABLE ONLY earlier.event ATTACH PARTITION earlier.event_20260922 FOR VALUES FROM ('5831598567491371008') TO ('5831880042468081664');
ALTER TABLE ONLY earlier.exchange ATTACH PARTITION earlier.exchange_20260921 FOR VALUES FROM ('1423661399539712') TO ('1423730119016448');
ALTER TABLE ONLY earlier.exchange ATTACH PARTITION earlier.exchange_20260922 FOR VALUES FROM ('1423730119016448') TO ('1423798838493184');
ALTER TABLE ONLY earlier.reply ATTACH PARTITION earlier.reply_20260921 FOR VALUES FROM ('5831317092514660352') TO ('5831598567491371008');
ALTER TABLE ONLY earlier.reply ATTACH PARTITION earlier.reply_20260922 FOR VALUES FROM ('5831598567491371008') TO ('5831880042468081664');
INSERT INTO earlier.alembic_version VALUES ('0003');
INSERT INTO earlier.body_20260921 VALUES (1423661399539712, '\x3c3f786d6c2076657273696f6e3d27312e302720656e636f64696e673d277574662d38273f3e0a3c736f61703a456e76656c6f706520786d6c6e733a736f61703d22687474703a2f2f736368656d61732e786d6c736f61702e6f72672f736f61702f656e76656c6f70652f223e3c736f61703a426f64793e3c69646f5f74737563686920786d6c6e733d2275726e3a636869696b696275733a7374616e646172643a312e303a6a756b69223e3c6a756d696e3e3c7368696b7563686f736f6e6b6f646f3e3939303031393c2f7368696b7563686f736f6e6b6f646f3e3c6174656e6162616e676f3e3030303030303030303031303031343c2f6174656e6162616e676f3e3c726972656b6962616e676f3e313c2f726972656b6962616e676f3e3c7361697368696e6675726167753e313c2f7361697368696e6675726167753e3c736574616962616e676f3e3030303030303030303031353031363c2f736574616962616e676f3e3c6a756d696e73687562657473753e313c2f6a756d696e73687562657473753e3c6a756d696e6a6f7461693e313c2f6a756d696e6a6f7461693e3c69646f5f6e656e67617070693e323032362d30312d30313c2f69646f5f6e656e67617070693e3c69646f5f6a6979753e30313c2f69646f5f6a6979753e3c69646f5f6b7562756e3e313c2f69646f5f6b7562756e3e3c7368696d65693ee69eb6e7a9bae38080e88ab1e5ad903c2f7368696d65693e3c73656962657473753e323c2f73656962657473753e3c7365696e656e67617070693e313939302d30342d30313c2f7365696e656e67617070693e3c6a7573686f5f7368696b7563686f736f6e6b6f646f3e3939303031393c2f6a7573686f5f7368696b7563686f736f6e6b6f646f3e3c6a7573686f5f63686f617a616b6f646f3e303030313030313c2f6a7573686f5f63686f617a616b6f646f3e3c6a7573686f5f746f646f66756b656e3ee69eb6e7a9bae79c8c3c2f6a7573686f5f746f646f66756b656e3e3c6a7573686f5f7368696b7567756e63686f736f6e6d65693ee59cb0e59f9fe5b8823c2f6a7573686f5f7368696b7567756e63686f736f6e6d65693e3c6a7573686f5f63686f617a613ee69eb6e7a9bae794bae4b880e4b881e79bae3c2f6a7573686f5f63686f617a613e3c6a756d696e746f6e617474616e656e67617070693e323032362d30312d30313c2f6a756d696e746f6e617474616e656e67617070693e3c736869656e736f6368695f6b7562756e3e303c2f736869656e736f6368695f6b7562756e3e3c2f6a756d696e3e3c2f69646f5f7473756368693e3c2f736f61703a426f64793e3c2f736f61703a456e76656c6f70653e');
INSERT INTO earlier.body_20260921 VALUES (1423661399539713, '\x3c3f786d6c2076657273696f6e3d27312e302720656e636f64696e673d277574662d38273f3e0a3c736f61703a456e76656c6f706520786d6c6e733a736f61703d22687474703a2f2f736368656d61732e786d6c736f61702e6f72672f736f61702f656e76656c6f70652f223e3c736f61703a426f64793e3c69646f5f74737563686920786d6c6e733d2275726e3a636869696b696275733a7374616e646172643a312e303a6a756b69223e3c6a756d696e3e3c7368696b7563686f736f6e6b6f646f3e3939303031393c2f7368696b7563686f736f6e6b6f646f3e3c6174656e6162616e676f3e3030303030303030303031303032323c2f6174656e6162616e676f3e3c726972656b6962616e676f3e323c2f726972656b6962616e676f3e3c7361697368696e6675726167753e313c2f7361697368696e6675726167753e3c736574616962616e676f3e3030303030303030303031353032343c2f736574616962616e676f3e3c6a756d696e73687562657473753e313c2f6a756d696e73687562657473753e3c6a756d696e6a6f7461693e313c2f6a756d696e6a6f7461693e3c69646f5f6e656e67617070693e323032362d30312d30313c2f69646f5f6e656e67617070693e3c69646f5f6a6979753e30313c2f69646f5f6a6979753e3c69646f5f6b7562756e3e313c2f69646f5f6b7562756e3e3c7368696d65693ee69eb6e7a9bae38080e88ab1e5ad903c2f7368696d65693e3c73656962657473753e323c2f73656962657473753e3c7365696e656e67617070693e313939302d30342d30313c2f7365696e656e67617070693e3c6a7573686f5f7368696b7563686f736f6e6b6f646f3e3939303031393c2f6a7573686f5f7368696b7563686f736f6e6b6f646f3e3c6a7573686f5f63686f617a616b6f646f3e303030313030313c2f6a7573686f5f63686f617a616b6f646f3e3c6a7573686f5f746f646f66756b656e3ee69eb6e7a9bae79c8c3c2f6a7573686f5f746f646f66756b656e3e3c6a7573686f5f7368696b7567756e63686f736f6e6d65693ee59cb0e59f9fe5b8823c2f6a7573686f5f7368696b7567756e63686f736f6e6d65693e3c6a7573686f5f63686f617a613ee69eb6e7a9bae794bae4b880e4b881e79bae3c2f6a7573686f5f63686f617a613e3c6a756d696e746f6e617474616e656e67617070693e323032362d30312d30313c2f6a756d696e746f6e617474616e656e67617070693e3c736869656e736f6368695f6b7562756e3e303c2f736869656e736f6368695f6b7562756e3e3c2f6a756d696e3e3c2f69646f5f7473756368693e3c2f736f61703a426f64793e3c2f736f61703a456e76656c6f70653e');
INSERT INTO earlier.body_20260921 VALUES (1423661399539714, '\x3c3f786d6c2076657273696f6e3d27312e302720656e636f64696e673d277574662d38273f3e0a3c736f61703a456e76656c6f706520786d6c6e733a736f61703d22687474703a2f2f736368656d61732e786d6c736f61702e6f72672f736f61702f656e76656c6f70652f223e3c736f61703a426f64793e3c69646f5f74737563686920786d6c6e733d2275726e3a636869696b696275733a7374616e646172643a312e303a6a756b69223e3c6a756d696e3e3c7368696b7563686f736f6e6b6f646f3e3939303031393c2f7368696b7563686f736f6e6b6f646f3e3c6174656e6162616e676f3e3030303030303030303031303033303c2f6174656e6162616e676f3e3c726972656b6962616e676f3e333c2f726972656b6962616e676f3e3c7361697368696e6675726167753e313c2f7361697368696e6675726167753e3c736574616962616e676f3e3030303030303030303031353033323c2f736574616962616e676f3e3c6a756d696e73687562657473753e313c2f6a756d696e73687562657473753e3c6a756d696e6a6f7461693e313c2f6a756d696e6a6f7461693e3c69646f5f6e656e67617070693e323032362d30312d30313c2f69646f5f6e656e67617070693e3c69646f5f6a6979753e30313c2f69646f5f6a6979753e3c69646f5f6b7562756e3e313c2f69646f5f6b7562756e3e3c7368696d65693ee69eb6e7a9bae38080e88ab1e5ad903c2f7368696d65693e3c73656962657473753e323c2f73656962657473753e3c7365696e656e67617070693e313939302d30342d30313c2f7365696e656e67617070693e3c6a7573686f5f7368696b7563686f736f6e6b6f646f3e3939303031393c2f6a7573686f5f7368696b7563686f736f6e6b6f646f3e3c6a7573686f5f63686f617a616b6f646f3e303030313030313c2f6a7573686f5f63686f617a616b6f646f3e3c6a7573686f5f746f646f66756b656e3ee69eb6e7a9bae79c8c3c2f6a7573686f5f746f646f66756b656e3e3c6a7573686f5f7368696b7567756e63686f736f6e6d65693ee59cb0e59f9fe5b8823c2f6a7573686f5f7368696b7567756e63686f736f6e6d65693e3c6a7573686f5f63686f617a613ee69eb6e7a9bae794bae4b880e4b881e79bae3c2f6a7573686f5f63686f617a613e3c6a756d696e746f6e617474616e656e67617070693e323032362d30312d30313c2f6a756d696e746f6e617474616e656e67617070693e3c736869656e736f6368695f6b7562756e3e303c2f736869656e736f6368695f6b7562756e3e3c2f6a756d696e3e3c2f69646f5f7473756368693e3c2f736f61703a426f64793e3c2f736f61703a456e76656c6f70653e');
INSERT INTO earlier.body_20260921 VALUES (1423661399539715, '\x3c3f786d6c2076657273696f6e3d27312e302720656e636f64696e673d277574662d38273f3e0a3c736f61703a456e76656c6f706520786d6c6e733a736f61703d22687474703a2f2f736368656d61732e786d6c736f61702e6f72672f736f61702f656e76656c6f70652f223e3c736f61703a426f64793e3c69646f5f74737563686920786d6c6e733d2275726e3a636869696b696275733a7374616e646172643a312e303a6a756b69223e3c6a756d696e3e3c7368696b7563686f736f6e6b6f646f3e3939303031393c2f7368696b7563686f736f6e6b6f646f3e3c6174656e6162616e676f3e3030303030303030303031303031343c2f6174656e6162616e676f3e3c726972656b6962616e676f3e343c2f726972656b6962616e676f3e3c7361697368696e6675726167753e313c2f7361697368696e6675726167753e3c736574616962616e676f3e3030303030303030303031353031363c2f736574616962616e676f3e3c6a756d696e73687562657473753e313c2f6a756d696e73687562657473753e3c6a756d696e6a6f7461693e313c2f6a756d696e6a6f7461693e3c69646f5f6e656e67617070693e323032362d30312d30313c2f69646f5f6e656e67617070693e3c69646f5f6a6979753e30313c2f69646f5f6a6979753e3c69646f5f6b7562756e3e313c2f69646f5f6b7562756e3e3c7368696d65693ee69eb6e7a9bae38080e88ab1e5ad903c2f7368696d65693e3c73656962657473753e323c2f73656962657473753e3c7365696e656e67617070693e313939302d30342d30313c2f7365696e656e67617070693e3c6a7573686f5f7368696b7563686f736f6e6b6f646f3e3939303031393c2f6a7573686f5f7368696b7563686f736f6e6b6f646f3e3c6a7573686f5f63686f617a616b6f646f3e303030313030313c2f6a7573686f5f63686f617a616b6f646f3e3c6a7573686f5f746f646f66756b656e3ee69eb6e7a9bae79c8c3c2f6a7573686f5f746f646f66756b656e3e3c6a7573686f5f7368696b7567756e63686f736f6e6d65693ee59cb0e59f9fe5b8823c2f6a7573686f5f7368696b7567756e63686f736f6e6d65693e3c6a7573686f5f63686f617a613ee69eb6e7a9bae794bae4b880e4b881e79bae3c2f6a7573686f5f63686f617a613e3c6a756d696e746f6e617474616e656e67617070693e323032362d30312d30313c2f6a756d696e746f6e617474616e656e67617070693e3c736869656e736f6368695f6b7562756e3e303c2f736869656e736f6368695f6b7562756e3e3c2f6a756d696e3e3c2f69646f5f7473756368693e3c2f736f61703a426f64793e3c2f736f61703a456e76656c6f70653e');
INSERT INTO earlier.body_20260921 VALUES (1423661399539716, '\x3c73686f6b61692f3e');
INSERT INTO earlier.body_20260921 VALUES (1423661399539717, '\x3c73686f6b61692f3e');
INSERT INTO earlier.day VALUES (20717);
INSERT INTO earlier.day VALUES (20718);
INSERT INTO earlier.delivery_20260921 VALUES (5831317092514660352, 'tax', 'ACCEPTED', 1, 1790000100, 0, '', '', 0, 0, 0, 0, DEFAULT);
INSERT INTO earlier.delivery_20260921 VALUES (5831317092514660353, 'kokuho', 'ACCEPTED', 1, 1790000100, 0, '', '', 0, 0, 0, 0, DEFAULT);
INSERT INTO earlier.delivery_20260921 VALUES (5831317092514672640, 'tax', 'ACCEPTED', 1, 1790000100, 0, '', '', 0, 0, 0, 0, DEFAULT);
INSERT INTO earlier.delivery_20260921 VALUES (5831317092514672641, 'kokuho', 'ACCEPTED', 1, 1790000100, 0, '', '', 0, 0, 0, 0, DEFAULT);
INSERT INTO earlier.delivery_20260921 VALUES (5831317092514664448, 'tax', 'DELIVERED', NULL, 1790000050, 1, '', '', 0, 0, 0, 0, DEFAULT);
INSERT INTO earlier.delivery_20260921 VALUES (5831317092514664449, 'kokuho', 'DELIVERED', NULL, 1790000050, 1, '', '', 0, 0, 0, 0, DEFAULT);
INSERT INTO earlier.delivery_20260921 VALUES (5831317092514668544, 'tax', 'DISPATCHING', 1, 1790000050, 1, '', '', 0, 0, 0, 0, DEFAULT);
INSERT INTO earlier.delivery_20260921 VALUES (5831317092514668545, 'kokuho', 'PARKED', 3, 1790000050, 1, 'CB6004', '', 0, 0, 0, 0, DEFAULT);
INSERT INTO earlier.delivery_20260921 VALUES (5831317092514680832, 'juki', 'DISPATCHING', 4, 1790000100, 0, '', '', 0, 0, 0, 0, DEFAULT);
INSERT INTO earlier.delivery_20260921 VALUES (5831317092514676736, 'juki', 'REPLIED', NULL, 1790000050, 0, '', '', 0, 0, 0, 1790000050, DEFAULT);
INSERT INTO earlier.event_20260921 VALUES (5831317092514664448, 1, 1790000050, 'DISPATCHING', 1, '', '', '');
INSERT INTO earlier.event_20260921 VALUES (5831317092514664448, 2, 1790000050, 'DELIVERED', 1, '', '', '');
INSERT INTO earlier.event_20260921 VALUES (5831317092514664449, 1, 1790000050, 'DISPATCHING', 1, '', '', '');
INSERT INTO earlier.event_20260921 VALUES (5831317092514664449, 2, 1790000050, 'DELIVERED', 1, '', '', '');
INSERT INTO earlier.event_20260921 VALUES (5831317092514668544, 1, 1790000050, 'DISPATCHING', 1, '', '', '');
INSERT INTO earlier.event_20260921 VALUES (5831317092514668545, 1, 1790000050, 'DISPATCHING', 1, '', '', '');
INSERT INTO earlier.event_20260921 VALUES (5831317092514668545, 2, 1790000050, 'PARKED', 1, 'CB6004', '', '');
INSERT INTO earlier.event_20260921 VALUES (5831317092514676736, 1, 1790000050, 'REPLIED', 0, '', '', '');
INSERT INTO earlier.exchange_20260921 VALUES (1423661399539712, '00000000000000000000000000000001', '990019', 'juki', 'urn:uuid:00000000-0000-4000-8000-000000000001', 0, '9ae7b15056b1b77296c8fa54322ab6ca2f189ad0fa81c6a98dcd91e581ed1884', 'juki', 'juki.ido_tsuchi', '1.0', 'jumin', 'queued', 'atena:000000000010014setai:000000000015016', 1790000001, 2790000000, 'text/xml; charset=utf-8', 'urn:chiikibus:standard:1.0:juki/ido_tsuchi', '', '0000000000000000', 985, '');
INSERT INTO earlier.exchange_20260921 VALUES (1423661399539713, '00000000000000000000000000000002', '990019', 'juki', 'urn:uuid:00000000-0000-4000-8000-000000000002', 0, '1608733fcea14109d073f3fe56f3e699b05cde3680e3ed76d6dc35d98187a04d', 'juki', 'juki.ido_tsuchi', '1.0', 'jumin', 'queued', 'atena:000000000010022setai:000000000015024', 1790000002, 2790000000, 'text/xml; charset=utf-8', 'urn:chiikibus:standard:1.0:juki/ido_tsuchi', '', '0000000000000000', 985, '');
INSERT INTO earlier.exchange_20260921 VALUES (1423661399539714, '00000000000000000000000000000003', '990019', 'juki', 'urn:uuid:00000000-0000-4000-8000-000000000003', 0, '12dc529bf4d954d204ff2906367905bcc5394274cf8b924a0f117b9dbe15738e', 'juki', 'juki.ido_tsuchi', '1.0', 'jumin', 'queued', 'atena:000000000010030setai:000000000015032', 1790000003, 2790000000, 'text/xml; charset=utf-8', 'urn:chiikibus:standard:1.0:juki/ido_tsuchi', '', '0000000000000000', 985, '');
INSERT INTO earlier.exchange_20260921 VALUES (1423661399539715, '00000000000000000000000000000004', '990019', 'juki', 'urn:uuid:00000000-0000-4000-8000-000000000004', 0, 'b974ec718ea7ed8f9c2fe9b940a83413d01a26fcdd089f74c2120c07c5a05acf', 'juki', 'juki.ido_tsuchi', '1.0', 'jumin', 'queued', 'atena:000000000010014setai:000000000015016', 1790000004, 2790000000, 'text/xml; charset=utf-8', 'urn:chiikibus:standard:1.0:juki/ido_tsuchi', '', '0000000000000000', 985, '');
INSERT INTO earlier.exchange_20260921 VALUES (1423661399539716, '00000000000000000000000000000005', '990019', 'tax', 'urn:uuid:00000000-0000-4000-8000-000000000005', 0, '08bb7ef4d748713b70c7641a1fc4bf05cf981546e0ef6a5d0161a376fb0898d0', 'juki', 'juki.jumin_shokai', '1.0', 'kazei', 'direct', '', 1790000005, 2790000000, 'text/xml; charset=utf-8', 'urn:chiikibus:standard:1.0:juki/ido_tsuchi', '', '0000000000000000', 9, '');
INSERT INTO earlier.exchange_20260921 VALUES (1423661399539717, '00000000000000000000000000000006', '990019', 'tax', 'urn:uuid:00000000-0000-4000-8000-000000000006', 0, '08bb7ef4d748713b70c7641a1fc4bf05cf981546e0ef6a5d0161a376fb0898d0', 'juki', 'juki.jumin_shokai', '1.0', 'kazei', 'direct', '', 1790000006, 2790000000, 'text/xml; charset=utf-8', 'urn:chiikibus:standard:1.0:juki/ido_tsuchi', '', '0000000000000000', 9, '');
INSERT INTO earlier.exchange_20260921 VALUES (1423661399539718, '00000000000000000000000000000007', '990019', 'juki', 'urn:uuid:00000000-0000-4000-8000-000000000007', 1, 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 'juki', 'juki.ido_tsuchi', '1.0', 'jumin', 'queued', 'atena:000000000010065setai:000000000015067', 1790000007, 2790000000, 'text/xml; charset=utf-8', 'urn:chiikibus:standard:1.0:juki/ido_tsuchi', '', '0000000000000000', 0, 'CB2002');
INSERT INTO earlier.exchange_key VALUES ('00000000000000000000000000000001', 1423661399539712, 1726885777209725530);
INSERT INTO earlier.exchange_key VALUES ('00000000000000000000000000000002', 1423661399539713, 7427742436761765582);
INSERT INTO earlier.exchange_key VALUES ('00000000000000000000000000000003', 1423661399539714, 4449391072913300231);
INSERT INTO earlier.exchange_key VALUES ('00000000000000000000000000000004', 1423661399539715, 6264121425213926656);
INSERT INTO earlier.exchange_key VALUES ('00000000000000000000000000000005', 1423661399539716, 5103600597846846112);
INSERT INTO earlier.exchange_key VALUES ('00000000000000000000000000000006', 1423661399539717, 1531649368009614704);
INSERT INTO earlier.exchange_key VALUES ('00000000000000000000000000000007', 1423661399539718, 7761116812318593213);
INSERT INTO earlier.reply_20260921 VALUES (5831317092514676736, 200, 'text/xml', '\x3c6b6169746f2f3e');
INSERT INTO earlier.seal VALUES (1, 1790000100, '0000000000000000000000000000000000000000000000000000000000000000', 12, '8952ce847ca2661bf28bf310c11c45d2f3d89a2a1262158aeb0d8f3f257f58c0', 'fe812c12f3ab4ce6', '\x280586a2223d272913202147447f220cc5b8ee1ba5c85572e9eee765f608ac4690e072683fbe49e8b15dc21899d25b38d7ddf1c8151caae128345214598d1c0d', '\x7801d5554bcea4390adcf729be0b9464c018bc9f43f41630dcff081d7f1d60aa57234d2e5229a56c07f1e2ef6ffdf70f7d9ad6bb17ef74d26d73afc696684fb2e17d626ec5891b6b38fd09878467eeec77e3ce7c37da9274e9494a33bea77c42b730479e0a1ef21b6f4d38152ef257ef52ab533f72df7ffdfd2790fc91cf2e5dc97debf5d651b79cd4f2d843c3bad9887b9d1e97b6d0387518e8b5571dc20567b9894c75d0a675df321999d633d2e7de5c8a8be5f86ae967e79d57a2ef3ab9c5daefcf20e5cb7ddbaeadce52cef7fb3aa6c9e179fef28466fb493fd6b2d615964b7193a4efb3b2f3113f9cbc39fb5ddd8fd79ee1bb8e1cbb4bb34ae562d05de37979431122cbfbb2494dbcff0c727fcc4a90948f54c6912bb640cdebaab28527ca980e34bae25b32e98c87a5bd27f8f71efdf2daee32f20eebe770074fdfbc7b85cb26798b82cfd47bcbef002c13af5a561a4ba3e6cf20f53b2a3df80a5fcf3c97b92f4a88d4fa03d7e264e811e80d0afac1ad1520e414ab85777e0b0eb5068fb6dd48d216f8dd1434b573a0f54059dda717de0905e64321762601dadffa3348a81563a61853f7e602294348c0c0ede36455b0f9ef81d95e37589549644b4ec97e1d4dff0390f61d08731fc5332a91b57d811e4622029cba17fc456bb7f25b0937dcb03ba4a22e4f0316f87efdf59f3fc6f3d7faf8e33bf0959cbeb7046cae03d61d5e4031d4435861935dcd0ffe83cb04f62e054799a399e77c00e02406c57e8c372f1119e3471be1e96315c1a8125b72ae9a232ad01e8638aa8f23f6fd7750e9ff05aa8055fa622f17f471cb36f306253a27d3e5e84295254b27fa4cde836eb2fddcdd20bf06675cb43f8d282ee4f8a12c6a374c802837ea5837e5362416e58c96e3157d86f2ed984da405197bd1bf61557efdb0da89e30ba6611fa41d90fa24eabfa2913a7754ce6b9235097ceb22d7ba0e2a910d009eecaf375c5968f05a0b30edd2c8792f237e1688a3037b29243f2f1eba73548ca13e217ca292f36fa0ea6f56599ed94df614c5f0c298beaa73b0e966d1c6023346af3936cdba28894d3fa6be5181463efe718ea3d7da573c3f026ae5a78dc714bb90096b72d7551a74fd9973cf1e2644abb09f2a61e20f8ef7dea338e3b5555c03bf753616afcd341288588457d88848e029c8f1d8b15978b3ff03009efe68');
INSERT INTO earlier.sealing VALUES ('audit', 0);
INSERT INTO earlier.sealing VALUES ('removal', 0);
INSERT INTO earlier.sealing VALUES ('again', -1);
INSERT INTO earlier.sealing VALUES ('exchange', 1423661399539718);
INSERT INTO earlier.turn VALUES (true, 17, 1423661399539718, '43fddb44227242359b6aafff6e5177fd', 15, 6, 1, 10, 2, 1, 0, 0);
SELECT pg_catalog.setval('earlier.sequence_s_seq', 1, false);
SELECT pg_catalog.setval('earlier.touched_t_seq', 8, true);
ALTER TABLE ONLY earlier.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY earlier.arrival
    ADD CONSTRAINT arrival_pkey PRIMARY KEY (sequence, number);
ALTER TABLE ONLY earlier.attachment
    ADD CONSTRAINT attachment_pkey PRIMARY KEY (kind, n, number);
ALTER TABLE ONLY earlier.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (n);
ALTER TABLE ONLY earlier.body
    ADD CONSTRAINT body_pkey PRIMARY KEY (n);
ALTER TABLE ONLY earlier.body_20260921
    ADD CONSTRAINT body_20260921_pkey PRIMARY KEY (n);
ALTER TABLE ONLY earlier.body_20260922
    ADD CONSTRAINT body_20260922_pkey PRIMARY KEY (n);
ALTER TABLE ONLY earlier.carry
    ADD CONSTRAINT carry_pkey PRIMARY KEY (source);
ALTER TABLE ONLY earlier.day
    ADD CONSTRAINT day_pkey PRIMARY KEY (day);
ALTER TABLE ONLY earlier.delivery
    ADD CONSTRAINT delivery_pkey PRIMARY KEY (n);
ALTER TABLE ONLY earlier.delivery_20260921
    ADD CONSTRAINT delivery_20260921_pkey PRIMARY KEY (n);
ALTER TABLE ONLY earlier.delivery_20260922
    ADD CONSTRAINT delivery_20260922_pkey PRIMARY KEY (n);
ALTER TABLE ONLY earlier.departure
    ADD CONSTRAINT departure_pkey PRIMARY KEY (sequence, number);
ALTER TABLE ONLY earlier.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (delivery, n);
ALTER TABLE ONLY earlier.event_20260921
    ADD CONSTRAINT event_20260921_pkey PRIMARY KEY (delivery, n);
ALTER TABLE ONLY earlier.event_20260922
    ADD CONSTRAINT event_20260922_pkey PRIMARY KEY (delivery, n);
ALTER TABLE ONLY earlier.exchange
    ADD CONSTRAINT exchange_pkey PRIMARY KEY (n);
ALTER TABLE ONLY earlier.exchange_20260921
    ADD CONSTRAINT exchange_20260921_pkey PRIMARY KEY (n);
ALTER TABLE ONLY earlier.exchange_20260922
    ADD CONSTRAINT exchange_20260922_pkey PRIMARY KEY (n);
ALTER TABLE ONLY earlier.exchange_key
    ADD CONSTRAINT exchange_key_pkey PRIMARY KEY (exchange_id);
ALTER TABLE ONLY earlier.removal
    ADD CONSTRAINT removal_pkey PRIMARY KEY (r);
ALTER TABLE ONLY earlier.reply
    ADD CONSTRAINT reply_pkey PRIMARY KEY (n);
ALTER TABLE ONLY earlier.reply_20260921
    ADD CONSTRAINT reply_20260921_pkey PRIMARY KEY (n);
ALTER TABLE ONLY earlier.reply_20260922
    ADD CONSTRAINT reply_20260922_pkey PRIMARY KEY (n);
ALTER TABLE ONLY earlier.seal
    ADD CONSTRAINT seal_pkey PRIMARY KEY (s);
ALTER TABLE ONLY earlier.sealing
    ADD CONSTRAINT sealing_pkey PRIMARY KEY (name);
ALTER TABLE ONLY earlier.seen
    ADD CONSTRAINT seen_pkey PRIMARY KEY (value);
ALTER TABLE ONLY earlier.segment
    ADD CONSTRAINT segment_pkey PRIMARY KEY (kind, n);
ALTER TABLE ONLY earlier.sequence_event
    ADD CONSTRAINT sequence_event_pkey PRIMARY KEY (sequence, n);
ALTER TABLE ONLY earlier.sequence
    ADD CONSTRAINT sequence_pkey PRIMARY KEY (s);
ALTER TABLE ONLY earlier.touched
    ADD CONSTRAINT touched_pkey PRIMARY KEY (t);
ALTER TABLE ONLY earlier.turn
    ADD CONSTRAINT turn_pkey PRIMARY KEY (one);
CREATE INDEX arrival_early ON earlier.arrival USING btree (sequence, number) WHERE (early = 1);
CREATE INDEX delivery_ended ON ONLY earlier.delivery USING btree (ended, n) WHERE (ended IS NOT NULL);
CREATE INDEX delivery_20260921_ended_n_idx ON earlier.delivery_20260921 USING btree (ended, n) WHERE (ended IS NOT NULL);
CREATE INDEX delivery_due ON ONLY earlier.delivery USING btree (next_attempt_at, n) WHERE (open = 2);
CREATE INDEX delivery_20260921_next_attempt_at_n_idx ON earlier.delivery_20260921 USING btree (next_attempt_at, n) WHERE (open = 2);
CREATE INDEX delivery_open ON ONLY earlier.delivery USING btree (open, n) WHERE (open IS NOT NULL);
CREATE INDEX delivery_20260921_open_n_idx ON earlier.delivery_20260921 USING btree (open, n) WHERE (open IS NOT NULL);
CREATE INDEX delivery_target ON ONLY earlier.delivery USING btree (target, n);
CREATE INDEX delivery_20260921_target_n_idx ON earlier.delivery_20260921 USING btree (target, n);
CREATE INDEX delivery_20260922_ended_n_idx ON earlier.delivery_20260922 USING btree (ended, n) WHERE (ended IS NOT NULL);
CREATE INDEX delivery_20260922_next_attempt_at_n_idx ON earlier.delivery_20260922 USING btree (next_attempt_at, n) WHERE (open = 2);
CREATE INDEX delivery_20260922_open_n_idx ON earlier.delivery_20260922 USING btree (open, n) WHERE (open IS NOT NULL);
CREATE INDEX delivery_20260922_target_n_idx ON earlier.delivery_20260922 USING btree (target, n);
CREATE INDEX exchange_municipality ON ONLY earlier.exchange USING btree (municipality, n);
CREATE INDEX exchange_20260921_municipality_n_idx ON earlier.exchange_20260921 USING btree (municipality, n);
CREATE INDEX exchange_received ON ONLY earlier.exchange USING btree (municipality, received_at);
CREATE INDEX exchange_20260921_municipality_received_at_idx ON earlier.exchange_20260921 USING btree (municipality, received_at);
CREATE INDEX exchange_refused ON ONLY earlier.exchange USING btree (n) WHERE (refused = 1);
CREATE INDEX exchange_20260921_n_idx ON earlier.exchange_20260921 USING btree (n) WHERE (refused = 1);
CREATE INDEX exchange_operation ON ONLY earlier.exchange USING btree (operation, municipality, n);
CREATE INDEX exchange_20260921_operation_municipality_n_idx ON earlier.exchange_20260921 USING btree (operation, municipality, n);
CREATE INDEX exchange_sender ON ONLY earlier.exchange USING btree (sender, municipality, n);
CREATE INDEX exchange_20260921_sender_municipality_n_idx ON earlier.exchange_20260921 USING btree (sender, municipality, n);
CREATE INDEX exchange_20260922_municipality_n_idx ON earlier.exchange_20260922 USING btree (municipality, n);
CREATE INDEX exchange_20260922_municipality_received_at_idx ON earlier.exchange_20260922 USING btree (municipality, received_at);
CREATE INDEX exchange_20260922_n_idx ON earlier.exchange_20260922 USING btree (n) WHERE (refused = 1);
CREATE INDEX exchange_20260922_operation_municipality_n_idx ON earlier.exchange_20260922 USING btree (operation, municipality, n);
CREATE INDEX exchange_20260922_sender_municipality_n_idx ON earlier.exchange_20260922 USING btree (sender, municipality, n);
CREATE INDEX exchange_key_key ON earlier.exchange_key USING btree (key);
CREATE INDEX seen_until ON earlier.seen USING btree (until);
CREATE INDEX segment_name ON earlier.segment USING btree (name);
CREATE UNIQUE INDEX sequence_name ON earlier.sequence USING btree (role, municipality, endpoint, identifier);
ALTER INDEX earlier.body_pkey ATTACH PARTITION earlier.body_20260921_pkey;
ALTER INDEX earlier.body_pkey ATTACH PARTITION earlier.body_20260922_pkey;
ALTER INDEX earlier.delivery_ended ATTACH PARTITION earlier.delivery_20260921_ended_n_idx;
ALTER INDEX earlier.delivery_due ATTACH PARTITION earlier.delivery_20260921_next_attempt_at_n_idx;
ALTER INDEX earlier.delivery_open ATTACH PARTITION earlier.delivery_20260921_open_n_idx;
ALTER INDEX earlier.delivery_pkey ATTACH PARTITION earlier.delivery_20260921_pkey;
ALTER INDEX earlier.delivery_target ATTACH PARTITION earlier.delivery_20260921_target_n_idx;
ALTER INDEX earlier.delivery_ended ATTACH PARTITION earlier.delivery_20260922_ended_n_idx;
ALTER INDEX earlier.delivery_due ATTACH PARTITION earlier.delivery_20260922_next_attempt_at_n_idx;
ALTER INDEX earlier.delivery_open ATTACH PARTITION earlier.delivery_20260922_open_n_idx;
ALTER INDEX earlier.delivery_pkey ATTACH PARTITION earlier.delivery_20260922_pkey;
ALTER INDEX earlier.delivery_target ATTACH PARTITION earlier.delivery_20260922_target_n_idx;
ALTER INDEX earlier.event_pkey ATTACH PARTITION earlier.event_20260921_pkey;
ALTER INDEX earlier.event_pkey ATTACH PARTITION earlier.event_20260922_pkey;
ALTER INDEX earlier.exchange_municipality ATTACH PARTITION earlier.exchange_20260921_municipality_n_idx;
ALTER INDEX earlier.exchange_received ATTACH PARTITION earlier.exchange_20260921_municipality_received_at_idx;
ALTER INDEX earlier.exchange_refused ATTACH PARTITION earlier.exchange_20260921_n_idx;
ALTER INDEX earlier.exchange_operation ATTACH PARTITION earlier.exchange_20260921_operation_municipality_n_idx;
ALTER INDEX earlier.exchange_pkey ATTACH PARTITION earlier.exchange_20260921_pkey;
ALTER INDEX earlier.exchange_sender ATTACH PARTITION earlier.exchange_20260921_sender_municipality_n_idx;
ALTER INDEX earlier.exchange_municipality ATTACH PARTITION earlier.exchange_20260922_municipality_n_idx;
ALTER INDEX earlier.exchange_received ATTACH PARTITION earlier.exchange_20260922_municipality_received_at_idx;
ALTER INDEX earlier.exchange_refused ATTACH PARTITION earlier.exchange_20260922_n_idx;
ALTER INDEX earlier.exchange_operation ATTACH PARTITION earlier.exchange_20260922_operation_municipality_n_idx;
ALTER INDEX earlier.exchange_pkey ATTACH PARTITION earlier.exchange_20260922_pkey;
ALTER INDEX earlier.exchange_sender ATTACH PARTITION earlier.exchange_20260922_sender_municipality_n_idx;
ALTER INDEX earlier.reply_pkey ATTACH PARTITION earlier.reply_20260921_pkey;
ALTER INDEX earlier.reply_pkey ATTACH PARTITION earlier.reply_20260922_pkey;
