//! PostgreSQL as a backend of a [`RecordStore`]: [`PostgresBackend`].

use std::sync::Arc;

use super::{super::sql::SqlBackend, database::PostgresDatabase};
use crate::{
    error::StoreError,
    id::SessionId,
    record::{Record, Version},
    store::{
        ChangeListener, Ended, Guarantees, RecordBackend, RecordStore, SessionIndex, StoreContext, Stored,
        Swapped, Tombstone, Touched,
    },
    time::{Deadline, Timestamp},
};

/// Sessions in a table of PostgreSQL (12 or newer).
///
/// A clone is another handle of the same store and shares its connections. They are made when they are first needed and again
/// whenever they were lost, so a node may start before its database; [`ping`](Self::ping) tells whether the database is
/// available.
///
/// # The table
/// There is one, `cloakroom_sessions` by default. Create it by [`create_table`](Self::create_table), or put
/// [`TABLE`](Self::TABLE) into a migration of your own. A session takes one row, and so does a session that has ended, until its
/// last token would have expired. Each session that begins removes up to four rows that have expired, so the table does not grow
/// without bounds; [`sweep`](Self::sweep) removes more.
///
/// The user needs `SELECT`, `INSERT`, `UPDATE` and `DELETE` on the table, and `USAGE` on its schema.
///
/// # The server
/// A commit that was acknowledged outlasts a crash of the server, unless its `synchronous_commit` or `fsync` is off. A failover to an
/// asynchronous standby loses what the standby has not received yet, logouts included.
///
/// ```
/// use cloakroom::{SessionManager, store::PostgresStore};
///
/// let store = PostgresStore::from_url("postgres://app:secret@127.0.0.1/shop")?;
/// let sessions = SessionManager::new(store);
/// # Ok::<(), cloakroom::store::InvalidPostgresUrl>(())
/// ```
pub type PostgresStore = RecordStore<PostgresBackend>;

/// The PostgreSQL database behind a [`PostgresStore`].
#[derive(Debug, Clone)]
pub struct PostgresBackend(pub(super) SqlBackend<PostgresDatabase>);

impl PostgresStore {
    /// The statements that create the default table and its indexes where they do not exist yet, for the application's own
    /// migrations. [`table_definition`](Self::table_definition) has those of a table of another name.
    pub const TABLE: &str = r#"CREATE TABLE IF NOT EXISTS "cloakroom_sessions" (
    id bytea NOT NULL PRIMARY KEY,
    version bytea,
    epoch bigint,
    subject bytea,
    last_active bigint NOT NULL,
    idle bigint NOT NULL,
    deadline bigint NOT NULL,
    sweep_at bigint NOT NULL,
    ended_at bigint,
    ended_by bigint,
    ends bigint NOT NULL,
    record bytea NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX IF NOT EXISTS "cloakroom_sessions_subject" ON "cloakroom_sessions" (subject) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS "cloakroom_sessions_sweep_at" ON "cloakroom_sessions" (sweep_at);
"#;

    /// The statements that create this store's table and its indexes where they do not exist yet.
    #[must_use]
    pub fn table_definition(&self) -> String {
        self.backend().0.database().table_definition()
    }

    /// The statements that let the default table announce its changes, for the application's own migrations: a trigger, and the function
    /// that it calls. [`announcements_definition`](Self::announcements_definition) has those of a table of another name.
    ///
    /// With them a [`Cached`](crate::store::Cached) store before this one is told of each change (`LISTEN`, `NOTIFY`). Where statements
    /// [have no names](super::PostgresStoreBuilder::named_statements), and on connections that the
    /// [application makes](super::PostgresStoreBuilder::connecting), it is not, and what it knows ages.
    ///
    /// # What it costs
    /// A commit that notifies waits for all that do so before it, in all of the database, and they do not share their wait for the disk.
    /// So take it where many more sessions are read than changed.
    pub const ANNOUNCEMENTS: &str = r#"CREATE OR REPLACE FUNCTION "cloakroom_sessions_announce"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM pg_notify('cloakroom_sessions_changes', '');
    ELSE
        PERFORM pg_notify('cloakroom_sessions_changes', encode(OLD.id, 'hex'));
    END IF;
    RETURN NULL;
END $$;
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = '"cloakroom_sessions"'::regclass AND tgname = 'cloakroom_sessions_announce') THEN
        CREATE TRIGGER "cloakroom_sessions_announce_all" AFTER TRUNCATE ON "cloakroom_sessions" FOR EACH STATEMENT EXECUTE FUNCTION "cloakroom_sessions_announce"();
        CREATE TRIGGER "cloakroom_sessions_announce" AFTER UPDATE OR DELETE ON "cloakroom_sessions" FOR EACH ROW EXECUTE FUNCTION "cloakroom_sessions_announce"();
    END IF;
END $$;
"#;

    /// The statements that let this store's table announce its changes.
    #[must_use]
    pub fn announcements_definition(&self) -> String {
        self.backend().0.database().announcements_definition()
    }

    /// Creates the table and its indexes where they do not exist yet. Several nodes may do so at once.
    ///
    /// # Errors
    /// When the database is not available, or the user may not create tables.
    pub async fn create_table(&self, deadline: Deadline) -> Result<(), StoreError> {
        self.backend().0.database().create_table(deadline).await
    }

    /// Checks that the database is available and has the table.
    ///
    /// # Errors
    /// When it cannot be connected to, has no such table, or does not answer before `deadline`.
    pub async fn ping(&self, deadline: Deadline) -> Result<(), StoreError> {
        let cx = StoreContext::new(Timestamp::MIN, deadline);
        self.backend().0.database().ping(cx).await
    }

    /// Removes at most `limit` rows of sessions that expired, or ended and would have expired, at least two minutes before `now`,
    /// and returns how many there were. Several nodes may do so at once, and do not wait for each other.
    ///
    /// It need not be called: each session that begins removes a few. A job may, after a flood of visitors, until it returns less than
    /// `limit`.
    ///
    /// # Errors
    /// When the database is not available. Some rows may have been removed.
    pub async fn sweep(&self, limit: usize, now: Timestamp, deadline: Deadline) -> Result<usize, StoreError> {
        self.backend().0.sweep(limit, StoreContext::new(now, deadline)).await
    }
}

impl RecordBackend for PostgresBackend {
    fn guarantees(&self) -> Guarantees {
        self.0.guarantees()
    }

    async fn get(&self, id: &SessionId, cx: StoreContext) -> Result<Option<Stored>, StoreError> {
        self.0.get(id, cx).await
    }

    async fn compare_and_swap(
        &self,
        expected: Option<Version>,
        next: &Record,
        cx: StoreContext,
    ) -> Result<Swapped, StoreError> {
        self.0.compare_and_swap(expected, next, cx).await
    }

    async fn bury(&self, tombstone: Tombstone, cx: StoreContext) -> Result<Ended, StoreError> {
        self.0.bury(tombstone, cx).await
    }

    async fn touch(&self, record: &Record, cx: StoreContext) -> Result<Touched, StoreError> {
        self.0.touch(record, cx).await
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        self.0.index()
    }

    /// Where the table has its trigger. The connection for reads that there is already is given up.
    fn announce_to(&self, listener: Arc<dyn ChangeListener>) -> bool {
        self.0.database().client.announce_to(listener)
    }
}
