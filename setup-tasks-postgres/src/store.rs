//! The stamp store.

use std::pin::pin;
use std::sync::Arc;

use futures_util::TryStreamExt;
use setup_tasks::BoxFuture;
use setup_tasks::stamp::{
    Answer, Change, Fence, HistoryEntry, HistoryFilter, MaybeReady, Records, StampError, StampStore, StoredObject,
    Timestamp,
};
use tokio::sync::oneshot;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::Postgres;
use crate::core::Core;
use crate::error::PostgresError;
use crate::group::Write;
use crate::link::{Connected, Purpose};
use crate::reads::{self, Scanned};
use crate::writer::Job;

impl StampStore for Postgres {
    fn load<'a>(&'a self, object: &'a str) -> Answer<'a, Records> {
        let object = object.to_owned();
        self.on_service(|core| async move {
            let rows = read(&core, "read stamps", reads::ENTRIES, &[&vec![object.as_str()]]).await?;
            reads::records(&object, &rows)
        })
    }

    /// Writes durably: a write that has returned survives a power loss of the server, unless the setting `synchronous_commit` of the
    /// server permits a loss.
    fn write<'a>(
        &'a self,
        object: &'a str,
        fence: Option<Fence>,
        changes: Vec<Change>,
    ) -> BoxFuture<'a, Result<(), StampError>> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            self.service()?.send(Job::Write(Write { object: object.to_owned(), fence, changes, answer }));
            answered.await.unwrap_or_else(|_| Err(self.ended().into()))
        })
    }

    fn latest(&self) -> Answer<'_, Option<Timestamp>> {
        self.on_service(|core| async move {
            Ok(reads::latest(&read(&core, "read the latest time", reads::LATEST, &[]).await?))
        })
    }

    fn load_and_latest<'a>(&'a self, object: &'a str) -> Answer<'a, (Records, Option<Timestamp>)> {
        let object = object.to_owned();
        self.on_service(|core| async move {
            let objects = vec![object.as_str()];
            let both = |connected: Arc<Connected>| {
                let objects = &objects;
                async move {
                    if !connected.has_tables() {
                        return Ok((Vec::new(), Vec::new()));
                    }
                    let entries: [&(dyn ToSql + Sync); 1] = [objects];
                    tokio::try_join!(connected.query(reads::ENTRIES, &entries), connected.query(reads::LATEST, &[]))
                }
            };
            let (entries, latest) = core.work.ask((Purpose::Read, "read stamps"), both).await?;
            Ok((reads::records(&object, &entries)?, reads::latest(&latest)))
        })
    }

    fn load_many<'a>(&'a self, _: &'a [&'a str], each: &'a mut (dyn FnMut(&str, &[u8]) + Send)) -> Answer<'a, bool> {
        MaybeReady::pending(async move {
            let scanned = self.on_service::<_, StampError, _>(|core| async move {
                Ok(core.work.ask((Purpose::Read, "read all stamps"), scan).await?)
            });
            scanned.await?.iter().for_each(|(object, entries)| each(object, entries));
            Ok(true)
        })
    }

    fn decode(&self, object: &str, bytes: &[u8]) -> Result<Records, StampError> {
        reads::decode(object, bytes)
    }

    fn objects(&self) -> Answer<'_, Vec<StoredObject>> {
        self.on_service(|core| async move {
            let rows = read(&core, "list the objects", reads::OBJECTS, &[]).await?;
            let object = |row: &Row| {
                let object = StoredObject::new(row.get::<_, String>(0));
                match (row.get::<_, Option<String>>(1), row.get::<_, Option<String>>(2)) {
                    (Some(id), Some(type_name)) => object.identified(id, type_name),
                    _ => object,
                }
            };
            Ok(rows.iter().map(object).collect())
        })
    }

    fn history<'a>(&'a self, filter: &'a HistoryFilter) -> Answer<'a, Vec<HistoryEntry>> {
        let HistoryFilter { object, task, limit, .. } = filter.clone();
        self.on_service(move |core| async move {
            let limit = limit.map(|limit| i64::try_from(limit).unwrap_or(i64::MAX));
            let rows = match &object {
                Some(object) => {
                    read(&core, "read the history", reads::HISTORY_OF_OBJECT, &[&task, &limit, object]).await?
                }
                None => read(&core, "read the history", reads::HISTORY, &[&task, &limit]).await?,
            };
            reads::history(core.work.place(), &rows)
        })
    }
}

impl Postgres {
    pub(crate) fn ended(&self) -> PostgresError {
        crate::core::thread_error(&self.0.core, "it has ended".to_owned())
    }
}

/// Reads rows. Returns none before the tables exist.
pub(crate) async fn read(
    core: &Core,
    action: &'static str,
    sql: &'static str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, PostgresError> {
    let query = |connected: Arc<Connected>| async move {
        if !connected.has_tables() {
            return Ok(Vec::new());
        }
        connected.query(sql, values).await
    };
    core.work.ask((Purpose::Read, action), query).await
}

/// Reads the entries of all objects.
async fn scan(connected: Arc<Connected>) -> Result<Scanned, tokio_postgres::Error> {
    let mut scanned = Scanned::default();
    if connected.has_tables() {
        let statement = connected.statement(reads::ALL_ENTRIES).await?;
        let values: [&(dyn ToSql + Sync); 0] = [];
        let mut rows = pin!(connected.client().query_raw(&statement, values).await?);
        while let Some(row) = rows.try_next().await? {
            scanned.add(row.get(0), row.get(1));
        }
    }
    Ok(scanned)
}
