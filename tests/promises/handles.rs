//! Several handles of one session, and handles that outlive their request.

use crate::{
    browser::{Server, finish},
    probe::Probe,
};

#[tokio::test]
async fn promise_7_a_long_lived_handle_never_steps_over_into_the_session_of_a_later_login() {
    let server = Server::new(Probe::default());
    let mut attacker = server.browser();
    attacker.does(|session| session.insert("a", 1)).await;
    attacker.does(|session| session.renew()).await;
    let mut victim = attacker.clone();
    // The new secret is seen for the first time, which asks for a write.
    let visit = attacker.visit().await;
    let socket = visit.session.clone();
    socket.keep_open().unwrap();
    victim.does(|session| session.log_in("alice")).await;
    victim.does(|session| session.insert("address", "home")).await;
    finish(visit, 200).await;

    assert_eq!(socket.subject(), None);
    assert_eq!(socket.get::<String>("address").unwrap(), None);
    socket.insert("address", "the attacker's").unwrap();
    assert!(socket.save().await.is_err());
    assert_eq!(victim.sees::<String>("address").await.as_deref(), Some("home"));
}
