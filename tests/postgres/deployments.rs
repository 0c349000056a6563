//! How a server is reached: TLS, password, Unix socket, PgBouncer, connections of the application.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use cloakroom::store::{Credentials, PostgresStore, PostgresStoreBuilder};
use tokio_postgres::{Config, NoTls};

use crate::{
    rig::{PgBouncer, PostgresServer},
    scene::{Scene, outcome, site, soon},
    visits::{add, look},
};

/// A visitor is served by this store, whose table exists.
async fn serves(store: PostgresStore) {
    let mut browser = site(store).browser();
    for count in 1..=3 {
        assert_eq!(outcome(&mut browser, |session| add(session, "n")).await, None);
        assert_eq!(look(&browser, "n").await, Ok(Some(count)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_connection_is_made_to_a_server_that_is_trusted_and_to_no_other() {
    let server = PostgresServer::builder().tls().start();
    let url = server.url();
    let encrypted = format!("{}?sslmode=verify-full", url.replace("127.0.0.1", "localhost"));
    let builder = || PostgresStore::builder(&encrypted).unwrap();
    let store = builder().tls_roots(server.ca_pem().as_bytes()).build();
    store.create_table(soon()).await.unwrap();
    let ssl = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE ssl AND application_name = 'cloakroom'";
    assert_ne!(server.sql(ssl), "0");
    serves(store).await;

    let error = builder().build().ping(soon()).await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    let plain = PostgresStore::from_url(&url).unwrap();
    let error = plain.ping(soon()).await.unwrap_err();
    assert!(error.to_string().contains("28000"), "the server asks for encryption: {error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_shows_its_certificate() {
    let server = PostgresServer::builder().tls().method("trust clientcert=verify-ca").start();
    let url = format!("{}?sslmode=require", server.url());
    let builder = PostgresStore::builder(&url).unwrap().tls_roots(server.ca_pem().as_bytes());
    let error = builder.clone().build().ping(soon()).await.unwrap_err();
    assert!(error.to_string().contains("SQLSTATE 28000"), "{error}");
    let [certificate, key] = server.client_pem();
    let store = builder.client_certificate(certificate.as_bytes(), key.as_bytes()).build();
    store.create_table(soon()).await.unwrap();
    serves(store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_asked_for_each_connection_and_no_error_quotes_it() {
    let server = PostgresServer::builder().method("scram-sha-256").start();
    server.sql("CREATE USER shop PASSWORD 's3cret'; GRANT ALL ON SCHEMA public TO shop");
    let url = server.url().replace("postgres@", "shop@");
    let store = |password: &'static str| {
        let url = url.replace("shop@", &format!("shop:{password}@"));
        PostgresStore::from_url(&url).unwrap()
    };
    store("s3cret").create_table(soon()).await.unwrap();
    serves(store("s3cret")).await;
    let error = store("wr0ng").ping(soon()).await.unwrap_err();
    assert!(error.to_string().contains("28P01"), "{error}");
    assert!(!error.to_string().contains("wr0ng") && !error.to_string().contains("shop"), "{error}");

    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let provider = move || {
        count.fetch_add(1, SeqCst);
        async { Ok::<_, std::io::Error>(Credentials::of_default_user("s3cret")) }
    };
    serves(PostgresStore::builder(&url).unwrap().credentials(provider).build()).await;
    // Another attempt is begun beside one that is silent for half a second.
    assert!(asked.load(SeqCst) >= 2, "one connection reads, and one writes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_this_machine_is_reached_by_its_socket() {
    let server = PostgresServer::start();
    let port = server.address().port();
    let url = format!("postgres://postgres@{}:{port}/postgres", server.socket_folder());
    let store = PostgresStore::from_url(&url).unwrap();
    store.create_table(soon()).await.unwrap();
    serves(store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pgbouncer_in_transaction_mode_needs_statements_without_names() {
    let scene = Scene::new().await;
    let pooler = PgBouncer::before(scene.server.address(), 2);
    serves(PostgresStore::builder(&pooler.url()).unwrap().named_statements(false).build()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_brings_its_configuration_or_its_connections() {
    let scene = Scene::new().await;
    let config: Config = scene.server.url().parse().unwrap();
    serves(PostgresStoreBuilder::from_config(config.clone()).build()).await;

    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let connect = move || {
        count.fetch_add(1, SeqCst);
        let config = config.clone();
        async move {
            let (client, connection) = config.connect(NoTls).await?;
            tokio::spawn(connection);
            Ok::<_, tokio_postgres::Error>(client)
        }
    };
    serves(PostgresStoreBuilder::connecting(connect).build()).await;
    assert!(made.load(SeqCst) >= 2, "one connection reads, and one writes");
}
