//! The binary form of a record, and the data in it.
#![no_main]

use cloakroom::record::{Data, Record};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let Ok(data) = Data::from_bytes(input) {
        assert_eq!(data.as_bytes(), input);
        assert!(data.iter().all(|(key, value)| data.get(key) == Some(value)));
    }
    if let Ok(record) = Record::decode(input) {
        let written = record.encode();
        let again = Record::decode(&written).expect("what is written can be read");
        assert_eq!(again.encode(), written);
        assert_eq!(
            (again.id(), again.subject(), again.data()),
            (record.id(), record.subject(), record.data())
        );
        let _ = (record.is_expired(cloakroom_fuzz::NOW), record.expires_at(), format!("{record:?}"));
    }
});
