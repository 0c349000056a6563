//! What lets the table announce its changes: a trigger, and the channel that it notifies.
//!
//! # The proof
//! A [listener](crate::store::ChangeListener) is promised that a change which had taken effect before a call was sent is announced before
//! that call is answered. It is, for these reasons:
//!
//! 1. A commit that notifies signals all listening connections before its own client is told that it is done.
//! 2. A server process looks for signals before it reads its next statement, and before it says that it is ready for another one: it
//!    then sends the notifications of all that was committed before.
//! 3. The client hands out what it reads in its order, and a call is answered when the server is ready for another one.
//!
//! `LISTEN` is done, and the trigger seen, before the connection serves its first call. So from then on nothing is missed. A trigger that
//! is dropped or disabled later, or by a session with `session_replication_role = replica`, breaks the promise.

use super::super::sql::Table;

/// The statements that create the trigger where it does not exist yet.
pub(super) fn definition(table: &Table) -> String {
    let (name, function, channel) = (trigger(table), function(table), channel(table));
    format!(
        r#"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM pg_notify('{channel}', '');
    ELSE
        PERFORM pg_notify('{channel}', encode(OLD.id, 'hex'));
    END IF;
    RETURN NULL;
END $$;
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = '{table}'::regclass AND tgname = '{name}') THEN
        CREATE TRIGGER "{name}_all" AFTER TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {function}();
        CREATE TRIGGER "{name}" AFTER UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {function}();
    END IF;
END $$;
"#
    )
}

/// The statements that let a connection be told of changes. The last one returns a row if the trigger is there and enabled.
pub(super) fn listen(table: &Table) -> String {
    let (name, channel) = (trigger(table), channel(table));
    format!(
        r#"LISTEN "{channel}";
SELECT 1 FROM pg_trigger WHERE tgrelid = to_regclass('{table}') AND tgname = '{name}' AND tgenabled IN ('O', 'A');"#
    )
}

/// Tables of one name in several schemas share a channel. Their sessions have different IDs, so that does no harm.
fn channel(table: &Table) -> String {
    format!("{}_changes", table.name())
}

fn trigger(table: &Table) -> String {
    format!("{}_announce", table.name())
}

fn function(table: &Table) -> String {
    table.beside(&trigger(table))
}
