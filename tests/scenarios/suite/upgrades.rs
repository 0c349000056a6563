//! Connections that leave HTTP, like a websocket's.

use crate::{
    app::{LOOK, RENEW},
    device::handed,
    everywhere::everywhere,
};

#[test]
fn an_upgraded_connection_goes_on_with_its_session_where_no_new_token_is_needed() {
    everywhere(async |stage| {
        let mut device = stage.logged_in("alice").await;
        let mut connection = stage.connect().await;
        let request =
            device.request("GET", "/sum").with("connection", "upgrade").with("upgrade", "websocket");
        let response = connection.exchange(&request).await.unwrap();
        assert_eq!((response.status, handed(&response).len()), (101, 0));
        let needs_token = !stage.guarantees.keeps_records;
        for (byte, sum) in [(1, 1), (2, 3), (3, 6)] {
            assert_eq!(connection.echo(byte).await, if needs_token { u8::MAX } else { sum });
        }
        let kept = device.gets("/me").await.says("sum");
        assert_eq!(kept.as_u64(), if needs_token { None } else { Some(6) });
    });
}

#[test]
fn an_upgraded_connection_goes_on_after_a_renewal_and_learns_of_a_log_out() {
    everywhere(async |stage| {
        let mut device = stage.logged_in("alice").await;
        let mut connection = stage.connect().await;
        let request =
            device.request("GET", "/sum").with("connection", "upgrade").with("upgrade", "websocket");
        assert_eq!(connection.exchange(&request).await.unwrap().status, 101);
        assert_eq!(connection.echo(LOOK).await, 1);
        assert_eq!(connection.echo(RENEW).await, u8::MAX);
        let needs_token = !stage.guarantees.keeps_records;
        assert_eq!(connection.echo(7).await, if needs_token { u8::MAX } else { 7 });
        device.logs_out().await;
        assert_eq!(connection.echo(LOOK).await, u8::from(!stage.revokes()));
    });
}
