//! Single facts about the memory store.

use super::*;
use crate::{
    error::{StoreError, StoreErrorKind},
    record::Rotation,
    store::{Absence, NodeName, ReferenceToken, Touched, Upkeep},
};

fn kind<T: std::fmt::Debug>(result: Result<T, StoreError>) -> StoreErrorKind {
    result.unwrap_err().kind()
}

#[test]
fn a_slot_is_two_words() {
    assert_eq!(size_of::<Slot>(), 16);
}

#[test]
fn the_issued_token_opens_the_session_and_names_the_node() {
    let store = MemoryStore::builder().node(NodeName::new("web-1").unwrap()).build();
    let Created::Done(token) = answer(store.create(&record(1, NOW), cx(NOW))).unwrap() else {
        panic!("the ID is free")
    };
    assert!(token.expose().ends_with(".web-1"));
    assert!(store.recognises(PresentedToken::new(token.expose().as_bytes())));
    assert!(matches!(present(&store, token.expose(), NOW), Loaded::Live { upkeep: Upkeep::None, .. }));
}

#[test]
fn nothing_kept_is_news_to_the_client() {
    let store = MemoryStore::new();
    let record = record(1, NOW);
    create(&store, &record, NOW);
    let kept = answer(store.find(&id(1), cx(NOW))).unwrap().live().unwrap();
    assert!(ReferenceToken::issue(&kept, None).is_none());
    let next = sized(&kept, 2, 10);
    assert!(matches!(replace(&store, &next, &record, NOW), Replaced::Done(None)));
}

#[test]
fn a_rotation_tells_the_client_its_new_token() {
    let store = MemoryStore::new();
    let first = record(1, NOW);
    create(&store, &first, NOW);
    let next =
        first.successor(WriteId::from_u64(2)).rotated(secret(7), Rotation::without_grace(NOW)).finish();
    let Replaced::Done(Some(issued)) = replace(&store, &next, &first, NOW) else { panic!("rotated") };
    assert_eq!(issued.expose(), token(1, 7));
    assert!(matches!(load(&store, 1, NOW), Loaded::Absent(Absence::Rotated { at: NOW, .. })));
    assert!(matches!(present(&store, issued.expose(), NOW), Loaded::Live { .. }));
}

#[test]
fn a_record_without_a_new_secret_is_not_created() {
    let store = MemoryStore::new();
    let settled = record(1, NOW).settled();
    assert_eq!(kind(answer(store.create(&settled, cx(NOW)))), StoreErrorKind::Corrupt);
    assert_eq!(store.usage().anonymous_sessions, 0);
}

#[test]
fn a_taken_id_is_answered_with_its_record() {
    let store = MemoryStore::new();
    create(&store, &record(1, NOW), NOW);
    let taken = answer(store.create(&written(1, 2, NOW), cx(NOW))).unwrap();
    assert!(matches!(taken, Created::Taken(record) if record.id() == id(1)));
    assert_in_order(&store);
}

#[test]
fn a_repeated_write_is_answered_like_the_first_time() {
    let store = MemoryStore::new();
    let first = record(1, NOW);
    let next =
        first.successor(WriteId::from_u64(2)).rotated(secret(2), Rotation::without_grace(NOW)).finish();
    create(&store, &first, NOW);
    for _ in 0..2 {
        let again = answer(store.create(&first, cx(NOW))).unwrap();
        assert!(matches!(again, Created::Done(issued) if issued.expose() == token(1, 1)));
        let Replaced::Done(Some(issued)) = replace(&store, &next, &first, NOW) else {
            panic!("it is in place")
        };
        assert_eq!(issued.expose(), token(1, 2));
    }
    assert_eq!(store.usage().anonymous_sessions, 1);
    assert_in_order(&store);
}

#[test]
fn an_ended_session_comes_back_by_no_write() {
    let store = MemoryStore::new();
    let first = record(1, NOW);
    create(&store, &first, NOW);
    assert_eq!(end(&store, 1, NOW, NOW), Ended::Done);
    let late = NOW + (HOUR - Duration::from_millis(1));

    let ended = Absence::Ended { id: id(1), at: NOW, by: EndedBy::Other };
    assert!(matches!(load(&store, 1, late), Loaded::Absent(absence) if absence == ended));
    let next = sized(&first, 2, 10);
    assert!(matches!(replace(&store, &next, &first, late), Replaced::Gone(absence) if absence == ended));
    let touched = answer(store.touch(&first, first.version(), cx(late))).unwrap();
    assert!(matches!(touched, Touched::Gone(absence) if absence == ended));
    assert!(matches!(answer(store.create(&first, cx(late))).unwrap(), Created::Ended));
    assert_eq!(end(&store, 1, NOW, late), Ended::Already);
    assert_in_order(&store);
}

#[test]
fn an_id_can_be_ended_before_it_begins_and_for_ever() {
    let store = MemoryStore::new();
    assert_eq!(end(&store, 1, Timestamp::MAX, NOW), Ended::Done);
    let late = NOW + 1000 * HOUR;
    assert!(matches!(answer(store.create(&record(1, late), cx(late))).unwrap(), Created::Ended));
}

#[test]
fn ending_again_makes_a_tombstone_last_longer_and_never_shorter() {
    let store = MemoryStore::new();
    end(&store, 1, NOW + MINUTE, NOW);
    assert_eq!(end(&store, 1, NOW + HOUR, NOW), Ended::Already);
    assert_eq!(end(&store, 1, NOW, NOW), Ended::Already);
    assert!(matches!(load(&store, 1, NOW + MINUTE), Loaded::Absent(Absence::Ended { .. })));
    assert!(matches!(load(&store, 1, NOW + HOUR), Loaded::Absent(Absence::Unknown)));
}

#[test]
fn replace_refuses_a_stale_version_and_never_creates() {
    let store = MemoryStore::new();
    let first = record(1, NOW);
    let second = sized(&first, 2, 10);
    assert!(matches!(replace(&store, &second, &first, NOW), Replaced::Gone(Absence::Unknown)));
    create(&store, &first, NOW);
    replace(&store, &second, &first, NOW);
    let stale = sized(&first, 3, 20);
    assert!(
        matches!(replace(&store, &stale, &first, NOW), Replaced::Conflict(stored) if stored.version() == second.version())
    );
    assert!(matches!(
        replace(&store, &sized(&second, 4, 20), &second, NOW + MINUTE),
        Replaced::Gone(Absence::Expired)
    ));
    assert_in_order(&store);
}

#[test]
fn a_touch_moves_the_time_and_no_version() {
    let store = MemoryStore::new();
    let first = record(1, NOW);
    create(&store, &first, NOW);
    let mut used = first.clone();
    used.touch(NOW + MINUTE / 2);
    answer(store.touch(&used, first.version(), cx(NOW + MINUTE / 2))).unwrap();
    let kept = answer(store.find(&id(1), cx(NOW + MINUTE))).unwrap().live().unwrap();
    assert_eq!((kept.last_active(), kept.version()), (NOW + MINUTE / 2, first.version()));
}

#[test]
fn a_touch_from_before_a_login_is_refused() {
    let store = MemoryStore::new();
    let first = record(1, NOW);
    create(&store, &first, NOW);
    let login = owned(sized(&first, 2, 10), "ada", NOW);
    replace(&store, &login, &first, NOW);
    let touched = answer(store.touch(&first, first.version(), cx(NOW))).unwrap();
    assert!(matches!(touched, Touched::Gone(Absence::Rotated { at: NOW, .. })));
}

#[test]
fn the_index_follows_logins_changes_and_endings() {
    let store = MemoryStore::new();
    let first = record(1, NOW);
    create(&store, &first, NOW);
    let ada = owned(sized(&first, 2, 10), "ada", NOW);
    replace(&store, &ada, &first, NOW);
    create(&store, &owned(record(2, NOW + MINUTE / 2), "ada", NOW), NOW + MINUTE / 2);
    assert_eq!(listed(&store, "ada", NOW + MINUTE / 2), [id(2), id(1)], "the newest first");
    assert_eq!(listed(&store, "ada", NOW + MINUTE), [id(2)], "no expired one");

    let bob = owned(sized(&ada, 3, 10), "bob", NOW);
    replace(&store, &bob, &ada, NOW);
    assert_eq!((listed(&store, "ada", NOW), listed(&store, "bob", NOW)), (vec![id(2)], vec![id(1)]));
    end(&store, 2, NOW + HOUR, NOW);
    assert!(listed(&store, "ada", NOW).is_empty());
    assert_in_order(&store);
}

#[test]
fn a_refused_login_leaves_the_index_alone() {
    let store = MemoryStore::new();
    let first = record(1, NOW);
    create(&store, &first, NOW);
    replace(&store, &sized(&first, 2, 10), &first, NOW);
    let late = owned(sized(&first, 3, 10), "ada", NOW);
    assert!(matches!(replace(&store, &late, &first, NOW), Replaced::Conflict(_)));
    assert!(listed(&store, "ada", NOW).is_empty());
    assert_in_order(&store);
}

#[test]
fn an_entry_stays_as_long_as_its_session_is_the_subjects() {
    let store = MemoryStore::new();
    create(&store, &owned(record(1, NOW), "ada", NOW), NOW);
    // What a slow writer does that has seen the session leave, but not come back.
    store.backend().state.forget("ada", id(1));
    assert_eq!(listed(&store, "ada", NOW), [id(1)]);
}

#[test]
fn an_entry_without_its_session_is_never_shown_and_none_is_made_twice() {
    let store = MemoryStore::new();
    create(&store, &owned(record(1, NOW), "ada", NOW), NOW);
    for (subject, number) in [("bob", 1), ("bob", 2), ("ada", 1)] {
        store.backend().state.subjects.open(subject.into()).enter(id(number));
    }
    assert!(listed(&store, "bob", NOW).is_empty());
    assert_eq!(listed(&store, "ada", NOW), [id(1)]);
}

#[test]
fn a_flood_evicts_what_never_came_back_and_no_login() {
    let store = MemoryStore::builder().anonymous(small(100)).logged_in(small(50)).build();
    for number in 0..50 {
        create(&store, &owned(record(number, NOW), "ada", NOW), NOW);
    }
    for number in 50..100 {
        create(&store, &record(number, NOW), NOW);
        assert!(matches!(load(&store, number, NOW), Loaded::Live { .. }));
    }
    for number in 1000..3000 {
        create(&store, &record(number, NOW), NOW);
    }
    assert!((0..50).all(|number| is_live(&store, number, NOW)), "the logins");
    assert!((50..100).all(|number| is_live(&store, number, NOW)), "those that came back");
    assert!(is_live(&store, 2999, NOW), "the newest");
    assert_eq!(store.usage().anonymous_sessions, 100);
    assert_in_order(&store);
}

#[test]
fn a_session_that_came_back_is_spared_though_its_ticket_lags_behind() {
    let store = MemoryStore::builder().anonymous(small(10)).build();
    (0..10).for_each(|number| create(&store, &record(number, NOW), NOW));
    (0..10).filter(|number| *number != 7).for_each(|number| drop(load(&store, number, NOW)));
    create(&store, &record(10, NOW), NOW);
    let gone: Vec<_> = (0..=10).filter(|number| !is_live(&store, *number, NOW)).collect();
    assert_eq!(gone, [7]);
}

#[test]
fn among_those_that_came_back_the_ones_not_used_of_late_go_first() {
    let store = MemoryStore::builder().anonymous(small(10)).build();
    for number in 0..10 {
        create(&store, &record(number, NOW), NOW);
        load(&store, number, NOW);
    }
    // The first eviction takes everybody's second chance; whoever comes back gets another.
    create(&store, &record(10, NOW), NOW);
    load(&store, 10, NOW);
    let used: Vec<_> = (5..10).filter(|number| is_live(&store, *number, NOW)).collect();
    used.iter().for_each(|number| drop(load(&store, *number, NOW)));
    for number in 11..15 {
        create(&store, &record(number, NOW), NOW);
        load(&store, number, NOW);
    }
    assert!(used.iter().all(|number| is_live(&store, *number, NOW)));
    assert_in_order(&store);
}

#[test]
fn a_store_full_of_sessions_in_use_still_takes_a_new_one() {
    let store = MemoryStore::builder().anonymous(small(1000)).build();
    for number in 0..1050 {
        create(&store, &record(number, NOW), NOW);
        load(&store, number, NOW);
        // Everybody is in use again before the next one comes.
        if number >= 999 {
            (0..1000).for_each(|visitor| drop(load(&store, visitor, NOW)));
        }
    }
    assert_eq!(store.usage().anonymous_sessions, 1000);
}

#[test]
fn an_evicted_session_is_unknown() {
    let store = MemoryStore::builder().anonymous(small(1)).build();
    create(&store, &record(1, NOW), NOW);
    create(&store, &record(2, NOW), NOW);
    assert!(matches!(load(&store, 1, NOW), Loaded::Absent(Absence::Unknown)));
    assert_in_order(&store);
}

#[test]
fn a_full_login_budget_is_an_error_that_changes_nothing() {
    let store = MemoryStore::builder().logged_in(small(1)).build();
    create(&store, &owned(record(1, NOW), "ada", NOW), NOW);
    let visitor = record(2, NOW);
    create(&store, &visitor, NOW);
    let login = owned(sized(&visitor, 2, 10), "bob", NOW);
    let before = store.usage();
    assert_eq!(kind(answer(store.replace(&login, visitor.version(), cx(NOW)))), StoreErrorKind::Full);
    assert_eq!(kind(answer(store.create(&owned(record(3, NOW), "bob", NOW), cx(NOW)))), StoreErrorKind::Full);
    assert_eq!(store.usage(), before);
    assert!(matches!(load(&store, 2, NOW), Loaded::Live { record, .. } if record.subject().is_none()));
    assert_in_order(&store);
}

#[test]
fn an_expired_login_makes_room_for_a_new_one() {
    let store = MemoryStore::builder().logged_in(small(20)).build();
    let later = NOW + MINUTE;
    for number in 0..20 {
        // The tickets lag behind: these sessions log in after they were created.
        let visitor = record(number, NOW);
        create(&store, &visitor, NOW);
        replace(&store, &owned(sized(&visitor, 2, 10), "ada", NOW), &visitor, NOW);
    }
    let visitor = record(20, later);
    create(&store, &visitor, later);
    let login = owned(sized(&visitor, 2, 10), "bob", later);
    assert!(matches!(replace(&store, &login, &visitor, later), Replaced::Done(_)));
    assert_in_order(&store);
}

#[test]
fn a_session_that_grows_evicts_others_but_not_itself() {
    let store = MemoryStore::builder().anonymous(Budget { sessions: 10, bytes: 3 * BARE }).build();
    let growing = record(1, NOW);
    for record in [&growing, &record(2, NOW), &record(3, NOW)] {
        create(&store, record, NOW);
    }
    let grown = sized(&growing, 2, 2 * BARE);
    assert!(matches!(replace(&store, &grown, &growing, NOW), Replaced::Done(None)));
    assert_eq!((store.usage().anonymous_sessions, store.usage().anonymous_bytes), (1, 3 * BARE));
    assert!(is_live(&store, 1, NOW));
    assert_in_order(&store);
}

#[test]
fn a_record_larger_than_the_whole_budget_is_too_large() {
    let store = MemoryStore::builder().anonymous(Budget { sessions: 10, bytes: BARE + 99 }).build();
    let first = record(1, NOW);
    create(&store, &first, NOW);
    let too_large = StoreErrorKind::TooLarge { size: BARE + 100, limit: BARE + 99 };
    let next = sized(&first, 2, 100);
    assert_eq!(kind(answer(store.replace(&next, first.version(), cx(NOW)))), too_large);
    let other = record(2, NOW).into_draft().data(data(100)).finish();
    assert_eq!(kind(answer(store.create(&other, cx(NOW)))), too_large);
    assert!(is_live(&store, 1, NOW), "nothing was evicted for it");
}

#[test]
fn writes_sweep_what_is_over_a_few_at_a_time() {
    let store = MemoryStore::new();
    for number in 0..1000 {
        create(&store, &record(number, NOW), NOW);
        end(&store, 10_000 + number, NOW + MINUTE, NOW);
    }
    let later = NOW + MINUTE;
    create(&store, &record(2000, later), later);
    assert!(store.usage().anonymous_sessions > 990, "a jump of the clock sweeps little at once");
    for number in 2001..3000 {
        create(&store, &record(number, later), later);
    }
    assert_eq!((store.usage().anonymous_sessions, store.usage().tombstones), (1000, 0));
    assert_in_order(&store);
}

#[test]
fn a_last_use_in_the_future_sweeps_nothing_and_lasts_no_longer_than_the_deadline() {
    let store = MemoryStore::new();
    let mut ahead = record(1, NOW);
    ahead.touch(Timestamp::MAX);
    create(&store, &ahead, NOW);
    create(&store, &record(2, NOW), NOW);
    assert!(is_live(&store, 1, NOW) && is_live(&store, 2, NOW));
    create(&store, &record(3, NOW + HOUR), NOW + HOUR);
    assert_eq!(store.usage().anonymous_sessions, 1);
}

#[test]
fn the_oldest_tombstones_go_when_there_are_as_many_as_sessions_allowed() {
    let store = MemoryStore::builder().anonymous(small(50)).logged_in(small(50)).build();
    for number in 0..1000 {
        end(&store, number, Timestamp::MAX, NOW);
        assert!(matches!(load(&store, number, NOW), Loaded::Absent(Absence::Ended { .. })));
    }
    assert_eq!(store.usage().tombstones, 100);
    assert_in_order(&store);
}

#[test]
fn a_store_without_budget_refuses_and_does_not_hang() {
    let nothing = Budget { sessions: 0, bytes: 0 };
    let store = MemoryStore::builder().anonymous(small(0)).logged_in(nothing).build();
    assert_eq!(kind(answer(store.create(&record(1, NOW), cx(NOW)))), StoreErrorKind::Full);
    let login = owned(record(2, NOW), "ada", NOW);
    assert!(matches!(kind(answer(store.create(&login, cx(NOW)))), StoreErrorKind::TooLarge { .. }));
    assert_eq!(end(&store, 1, Timestamp::MAX, NOW), Ended::Done);
    assert_in_order(&store);
}

#[test]
fn a_clone_is_another_handle_of_the_same_store() {
    let store = MemoryStore::new();
    create(&store, &record(1, NOW), NOW);
    assert!(is_live(&store.clone(), 1, NOW));
}

#[test]
fn debug_shows_no_session() {
    let store = MemoryStore::new();
    create(&store, &owned(record(1, NOW), "ada", NOW), NOW);
    assert_eq!(format!("{store:?}"), "MemoryStore { node: None, .. }");
}
