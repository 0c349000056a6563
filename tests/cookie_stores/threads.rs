//! Sealing from eight threads at once.

use std::collections::HashSet;

use crate::{Form, HEADER, decode, live, record, ring, seal};

/// Epoch and nonce.
const DRAWN: usize = 16 + 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn threads_share_an_epoch_and_never_a_nonce() {
    for form in [Form::Aes, Form::ChaCha] {
        let store = form.store(&ring(1));
        let seals = (0..8).map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut tokens = Vec::new();
                for n in 0..500 {
                    let token = seal(&*store, &record(n % 50)).await;
                    live(&*store, &token);
                    tokens.push(token);
                }
                tokens
            })
        });
        let (mut epochs, mut drawn) = (HashSet::new(), HashSet::new());
        for task in seals.collect::<Vec<_>>() {
            for token in task.await.unwrap() {
                let bytes = decode(&token);
                epochs.insert(bytes[HEADER..][..16].to_vec());
                assert!(drawn.insert(bytes[HEADER..][..DRAWN].to_vec()));
                live(&*form.store(&ring(1)), &token);
            }
        }
        assert_eq!((epochs.len(), drawn.len()), (1, 8 * 500));
    }
}

#[tokio::test]
async fn a_restart_and_another_server_begin_epochs_of_their_own() {
    let epoch = |token: &str| decode(token)[HEADER..][..16].to_vec();
    let mut epochs = HashSet::new();
    for form in [Form::Aes, Form::ChaCha, Form::Aes] {
        assert!(epochs.insert(epoch(&seal(&*form.store(&ring(1)), &record(1)).await)));
    }
}
