//! One connection to the server, on the thread that uses it. Every wait has an end, and a process that
//! was forked leaves its parent's connections alone.

use super::address::Address;
use super::trouble::Trouble;
use crate::error::Error;
use crate::ffi::os::fork::fork_generation;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Row, SimpleQueryMessage, Statement};

/// How long a connection that is closed may take for its goodbye.
const GOODBYE: Duration = Duration::from_millis(100);

/// A value of a statement.
pub(super) type Value<'v> = &'v (dyn ToSql + Sync);

/// The rows that statements without values gave, as text.
pub(super) struct Answers(Vec<SimpleQueryMessage>);

/// A connection.
pub(super) struct Link {
    /// Absent only while it is dropped.
    open: Option<Open>,
    name: Arc<str>,
    generation: u64,
    limit: Duration,
    broken: Cell<bool>,
    /// What is sent with the next statement, before it.
    ahead: Cell<Option<&'static str>>,
}

struct Open {
    runtime: Runtime,
    client: Client,
    driver: JoinHandle<()>,
    bell: Arc<Notify>,
    statements: RefCell<HashMap<String, Statement>>,
}

impl Link {
    /// Connects. `limit` is how long the server may take for one statement.
    pub(super) fn connect(
        address: &Address,
        timeout: Duration,
        limit: Duration,
    ) -> Result<Self, Trouble> {
        let name: Arc<str> = Arc::from(address.name.as_str());
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Trouble::plain(Error::Store(format!("{name}: {error}"))))?;
        let bell = Arc::new(Notify::new());
        let connected = runtime.block_on(async {
            let connecting = address.config.connect(address.tls.clone());
            tokio::time::timeout(timeout, connecting).await
        });
        let (client, mut connection) = connected
            .map_err(|_| Trouble::silent(&name, timeout))?
            .map_err(|error| Trouble::unreachable(&name, &error))?;
        let rung = Arc::clone(&bell);
        let driver = runtime.spawn(poll_fn(move |context| {
            while let Poll::Ready(message) = connection.poll_message(context) {
                match message {
                    Some(Ok(AsyncMessage::Notification(_))) => rung.notify_one(),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => {
                        rung.notify_one();
                        return Poll::Ready(());
                    }
                }
            }
            Poll::Pending
        }));
        Ok(Link {
            open: Some(Open {
                runtime,
                client,
                driver,
                bell,
                statements: RefCell::default(),
            }),
            name,
            generation: fork_generation(),
            limit,
            broken: Cell::new(false),
            ahead: Cell::new(None),
        })
    }

    /// Sends `sql` with the next statement that has values, just before it: one question instead of two.
    pub(super) fn with_next(&self, sql: &'static str) {
        self.ahead.set(Some(sql));
    }

    /// Sends `sql` and does not wait for the answer: how it ends does not matter.
    pub(super) fn send(&self, sql: &str) {
        if self.ahead.take().is_some() {
            // Nothing was ever begun.
            return;
        }
        let Some(open) = &self.open else {
            return;
        };
        open.runtime.block_on(async {
            let mut sending = pin!(open.client.simple_query(sql));
            poll_fn(|context| {
                let _ = sending.as_mut().poll(context);
                Poll::Ready(())
            })
            .await;
            // The connection's task writes it in its turn.
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
        });
    }

    /// Runs statements with values, and `last` without, in one question. The first failure counts; nothing
    /// after it takes effect when they are in one transaction.
    pub(super) fn together(
        &self,
        statements: &[(&str, &[Value<'_>])],
        last: &str,
    ) -> Result<(), Trouble> {
        let prepared: Vec<_> = statements
            .iter()
            .map(|(sql, values)| Ok((self.prepared(sql)?, *values)))
            .collect::<Result<_, Trouble>>()?;
        self.run(self.limit, |open| async move {
            let mut running: Vec<Running<'_>> = Vec::new();
            for (statement, values) in &prepared {
                running.push(Box::pin(async move {
                    open.client.execute(statement, values).await.map(drop)
                }));
            }
            running.push(Box::pin(async move {
                open.client.simple_query(last).await.map(drop)
            }));
            in_order(running).await
        })
    }

    /// Whether the connection may still be of use: the server has not ended it, as far as is known.
    pub(super) fn is_usable(&self) -> bool {
        let Some(open) = self.open.as_ref().filter(|_| !self.broken.get()) else {
            return false;
        };
        // Lets the connection look what has come in meanwhile: the system is asked first, then its task
        // gets its turn.
        open.runtime.block_on(async {
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
        });
        !open.client.is_closed()
    }

    /// Runs statements without values, and answers their rows as text.
    pub(super) fn simple(&self, sql: &str) -> Result<Answers, Trouble> {
        self.run(self.limit, |open| open.client.simple_query(sql))
            .map(Answers)
    }

    /// As [`Link::simple`], for as long as it takes.
    pub(super) fn patient(&self, sql: &str, limit: Duration) -> Result<(), Trouble> {
        self.run(limit, |open| open.client.batch_execute(sql))
    }

    /// The rows that a statement gives.
    pub(super) fn query(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, Trouble> {
        let statement = self.prepared(sql)?;
        let ahead = self.ahead.take();
        self.run(self.limit, |open| async move {
            let mut found = Vec::new();
            let mut running: Vec<Running<'_>> = Vec::new();
            if let Some(ahead) = ahead {
                running.push(Box::pin(async move {
                    open.client.simple_query(ahead).await.map(drop)
                }));
            }
            let (statement, rows) = (&statement, &mut found);
            running.push(Box::pin(async move {
                *rows = open.client.query(statement, values).await?;
                Ok(())
            }));
            in_order(running).await?;
            Ok(found)
        })
    }

    /// How many rows a statement changed.
    pub(super) fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<u64, Trouble> {
        let statement = self.prepared(sql)?;
        self.run(self.limit, |open| open.client.execute(&statement, values))
    }

    /// Sleeps until the server has notified since the last sleep, the connection ends, or `most` has
    /// passed; false in the last case.
    pub(super) fn sleep(&self, most: Duration) -> bool {
        let Some(open) = &self.open else {
            return true;
        };
        let rung = async { tokio::time::timeout(most, open.bell.notified()).await };
        open.runtime.block_on(rung).is_ok()
    }

    /// The statement, prepared once for the connection.
    fn prepared(&self, sql: &str) -> Result<Statement, Trouble> {
        let known = self
            .open
            .as_ref()
            .and_then(|open| open.statements.borrow().get(sql).cloned());
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement = self.run(self.limit, |open| open.client.prepare(sql))?;
        if let Some(open) = &self.open {
            let mut statements = open.statements.borrow_mut();
            statements.insert(sql.to_owned(), statement.clone());
        }
        Ok(statement)
    }

    fn run<'l, T, F>(
        &'l self,
        limit: Duration,
        begin: impl FnOnce(&'l Open) -> F,
    ) -> Result<T, Trouble>
    where
        F: Future<Output = Result<T, tokio_postgres::Error>>,
    {
        let open = self.open.as_ref().ok_or_else(|| {
            Trouble::plain(Error::Internal("a connection was used after its end"))
        })?;
        let answer = open
            .runtime
            .block_on(async { tokio::time::timeout(limit, begin(open)).await });
        let trouble = match answer {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => {
                self.broken
                    .set(self.broken.get() || error.as_db_error().is_none());
                Trouble::of(&self.name, &error)
            }
            Err(_) => {
                self.broken.set(true);
                Trouble::slow(&self.name, limit)
            }
        };
        Err(trouble)
    }
}

/// One of several statements under way.
type Running<'r> = Pin<Box<dyn Future<Output = Result<(), tokio_postgres::Error>> + 'r>>;

/// Sends all of them, in their order, before it waits for any; answers the first failure.
async fn in_order(running: Vec<Running<'_>>) -> Result<(), tokio_postgres::Error> {
    let mut running: Vec<_> = running.into_iter().map(|one| (one, None)).collect();
    poll_fn(|context| {
        for (one, done) in running.iter_mut().filter(|(_, done)| done.is_none()) {
            if let Poll::Ready(answer) = one.as_mut().poll(context) {
                *done = Some(answer);
            }
        }
        if running.iter().all(|(_, done)| done.is_some()) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    let mut answers = running.into_iter().filter_map(|(_, done)| done);
    answers.try_for_each(|answer| answer)
}

impl Answers {
    /// What every row has in a column, where it has anything.
    pub(super) fn column(&self, place: usize) -> impl DoubleEndedIterator<Item = &str> {
        self.0.iter().filter_map(move |message| {
            if let SimpleQueryMessage::Row(row) = message {
                row.get(place)
            } else {
                None
            }
        })
    }

    /// The number that begins the first row.
    pub(super) fn number(&self) -> Option<u64> {
        self.column(0).next()?.parse().ok()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let Some(open) = self.open.take() else {
            return;
        };
        if self.generation != fork_generation() {
            // Socket and event queue are the parent's too: a goodbye would end its connection.
            std::mem::forget(open);
            return;
        }
        let Open {
            runtime,
            client,
            driver,
            ..
        } = open;
        drop(client);
        if !self.broken.get() {
            // Without a goodbye the server notes the end as a fault.
            let _ = runtime.block_on(async { tokio::time::timeout(GOODBYE, driver).await });
        }
        runtime.shutdown_background();
    }
}
