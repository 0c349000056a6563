//! The conformance suite's own tests: good stores pass, and each flaw is caught by the check that is there for it.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod broken;
mod cached;
mod carried;
mod plain;
mod revocable;
mod tokens;

use std::{sync::Arc, time::Duration};

use broken::{Broken, Flaw};
use carried::Carried;
use cloakroom::{
    conformance::{self, Outcome, Report},
    keyring::{KeyRing, SecretKey},
    store::{
        CircuitBreakerOptions, CircuitBreakerStore, Hybrid, MemoryStore, NodeName, WriteBehind,
        WriteBehindOptions,
    },
};
use plain::{Plain, Surroundings};

#[tokio::test(flavor = "multi_thread")]
async fn a_good_store_that_promises_everything_passes() {
    let report = conformance::check(|| Surroundings::new(|plain: Plain| plain)).await;
    report.assert();
    let not_declared: Vec<_> = names(&report, &Outcome::NotDeclared);
    assert_eq!(
        not_declared,
        [
            "every_save_issues_a_token",
            "all_sessions_of_a_subject_end_by_one_write_and_later_logins_count",
            "an_end_is_honest_where_clients_hold_the_session",
            "large_data_are_kept_where_no_limit_is_declared",
            "find_is_refused_where_no_record_is_kept",
            "a_crash_loses_no_more_than_declared",
            "a_crash_loses_no_login_and_no_log_out",
            "an_encrypted_token_hides_its_session",
        ]
    );
}

/// It adds no flaw: what the store behind it guarantees, it guarantees.
#[tokio::test(flavor = "multi_thread")]
async fn a_circuit_breaker_before_a_good_store_passes() {
    let guarded = |plain: Plain| CircuitBreakerStore::new(plain, CircuitBreakerOptions::default());
    conformance::check(|| Surroundings::new(guarded)).await.assert();
}

/// It declares what it weakens, and no more than that is weaker.
#[tokio::test(flavor = "multi_thread")]
async fn a_good_store_that_is_written_behind_passes() {
    let at_most = Duration::from_millis(400);
    let front = |plain: Plain| {
        let options = WriteBehindOptions { at_most, ..WriteBehindOptions::default() };
        WriteBehind::with_options(plain, options).unwrap()
    };
    conformance::check(|| Surroundings::new(front)).await.assert();
}

/// It has records and tokens, and is checked as a store of either kind.
#[tokio::test(flavor = "multi_thread")]
async fn a_hybrid_of_a_good_store_passes() {
    let keys = KeyRing::new(SecretKey::generate().unwrap());
    let hybrid = move |plain: Plain| Hybrid::new(plain, &keys).unwrap();
    let report = conformance::check(|| Surroundings::new(hybrid.clone())).await;
    report.assert();
    assert_eq!(
        names(&report, &Outcome::NotDeclared),
        [
            "an_ordinary_save_issues_no_token",
            "an_end_is_honest_where_clients_hold_the_session",
            "a_log_out_beats_the_requests_under_way",
            "large_data_are_kept_where_no_limit_is_declared",
            "find_is_refused_where_no_record_is_kept",
            "a_crash_loses_no_more_than_declared",
            "a_crash_loses_no_login_and_no_log_out",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_store_whose_clients_carry_their_sessions_passes() {
    let report = conformance::check_waiving(
        || Arc::new(Carried(carried::Flaw::None)),
        &["another_server_opens_the_session", "a_restart_keeps_live_sessions"],
    )
    .await;
    report.assert();
    for check in [
        "a_created_session_is_loaded_with_all_its_fields",
        "every_save_issues_a_token",
        "an_end_is_honest_where_clients_hold_the_session",
        "requests_in_a_row_each_count",
        "requests_count_once_although_replies_are_lost",
        "an_idle_session_expires",
        "a_touch_prolongs_an_idle_session",
        "data_beyond_the_declared_size_are_refused",
        "a_token_with_a_flipped_bit_opens_nothing",
        "find_is_refused_where_no_record_is_kept",
    ] {
        assert_eq!(report.outcome(check), Some(&Outcome::Passed), "{check}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_memory_store_passes() {
    conformance::check(|| Arc::new(MemoryStore::new())).await.assert();
}

#[tokio::test]
async fn the_memory_store_passes_on_one_thread_and_with_a_node_name() {
    let node = NodeName::new("web-1").unwrap();
    conformance::check(|| Arc::new(MemoryStore::builder().node(node.clone()).build())).await.assert();
}

#[tokio::test]
async fn what_cannot_be_seen_is_a_failure_unless_it_is_waived() {
    let waivers = [
        "another_server_opens_the_session",
        "another_server_sees_a_write",
        "another_server_refuses_an_ended_session",
        "another_server_lists_the_session",
        "a_restart_keeps_live_sessions",
        "a_restart_keeps_tombstones",
        "a_dump_holds_no_secret",
        "an_outage_is_an_error",
        "an_outage_loses_no_session",
        "a_call_to_a_silent_store_ends_at_its_deadline",
    ];
    let report = conformance::check(|| Arc::new(Plain::default())).await;
    assert_eq!(report.failures().collect::<Vec<_>>(), waivers);
    let reason = "cannot be seen without the harness's dump()";
    assert_eq!(report.outcome("a_dump_holds_no_secret"), Some(&Outcome::Failed(reason.into())));

    let report = conformance::check_waiving(|| Arc::new(Plain::default()), &waivers).await;
    report.assert();
    assert_eq!(names(&report, &Outcome::Waived), waivers);
}

#[tokio::test]
async fn a_waiver_that_nothing_needs_is_a_failure() {
    let waivers = ["end_is_idempotent", "every_save_issues_a_token", "pigs_fly"];
    let report = conformance::check_waiving(|| Surroundings::new(|plain: Plain| plain), &waivers).await;
    let mut failures: Vec<_> = report.failures().collect();
    failures.sort_unstable();
    assert_eq!(failures, waivers);
}

#[tokio::test]
async fn only_the_checks_that_are_named_run_and_there_has_to_be_one_of_that_name() {
    let names = ["end_is_idempotent", "pigs_fly"];
    let report = conformance::check_only(|| Surroundings::new(|plain: Plain| plain), &names).await;
    assert_eq!(report.entries().map(|(name, _)| name).collect::<Vec<_>>(), names);
    assert_eq!(report.failures().collect::<Vec<_>>(), ["pigs_fly"]);
}

#[tokio::test]
async fn a_waiver_excuses_no_broken_promise() {
    let check = "end_is_idempotent";
    let front = |plain| Broken(plain, broken::ends::EndsTwice);
    let report = conformance::check_waiving(|| Surroundings::new(front), &[check]).await;
    assert!(report.failures().any(|failure| failure == check), "{report}");
}

fn names<'a>(report: &'a Report, outcome: &Outcome) -> Vec<&'a str> {
    report.entries().filter(|(_, other)| *other == outcome).map(|(name, _)| name).collect()
}

/// Fails unless the suite finds this flaw with each of these checks.
async fn caught<F: Flaw + Default>(checks: &[&str]) {
    let front = |plain| Broken(plain, F::default());
    let report = conformance::check_only(|| Surroundings::new(front), checks).await;
    assert!(!report.to_string().contains("no such check"), "{report}");
    assert_caught(&report, checks);
}

fn assert_caught(report: &Report, checks: &[&str]) {
    let failures: Vec<_> = report.failures().collect();
    for check in checks {
        assert!(failures.contains(check), "{check} did not catch it\n{report}");
    }
}

macro_rules! flaws_are_caught {
    ($($test:ident: $place:ident::$flaw:ident by $($check:ident)+;)+) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            caught::<broken::$place::$flaw>(&[$(stringify!($check)),+]).await;
        })+
    };
}

flaws_are_caught! {
    an_upsert_is_caught: writes::UpsertsOnReplace by replace_never_creates a_touch_never_creates;
    a_missing_tombstone_is_caught: ends::LeavesNoTombstone by
        an_ended_session_is_distinguished_from_an_unknown_one
        an_end_says_on_whose_account_it_was
        end_is_idempotent_and_blocks_the_id_where_nothing_was_stored
        an_ended_session_takes_no_writes
        no_order_of_calls_brings_an_ended_session_back;
    a_tombstone_missing_where_nothing_was_stored_is_caught: ends::EndsOnlyWhatIsThere by
        end_is_idempotent_and_blocks_the_id_where_nothing_was_stored
        no_order_of_calls_brings_an_ended_session_back;
    an_end_that_counts_twice_is_caught: ends::EndsTwice by end_is_idempotent;
    an_end_on_the_wrong_account_is_caught: ends::EndsForOthers by an_end_says_on_whose_account_it_was;
    a_forgotten_tombstone_is_caught: ends::ForgetsTombstones by
        a_tombstone_lasts_as_long_as_asked
        a_second_end_only_prolongs_the_tombstone;
    an_overflow_of_for_ever_is_caught: ends::OverflowsForEver by a_tombstone_may_last_for_ever;
    a_lost_update_is_caught: writes::LosesUpdates by
        a_stale_write_is_answered_with_what_is_stored
        of_many_writes_on_one_state_one_is_done
        requests_at_the_same_time_each_count
        requests_with_keys_of_their_own_all_keep_them
        a_value_read_and_overwritten_meanwhile_is_a_conflict
        a_touch_loses_no_change
        a_refused_write_changes_no_list
        a_login_beats_the_requests_under_way;
    a_version_that_is_a_count_is_caught: writes::ComparesCountsOnly by a_version_is_more_than_a_count;
    a_rounded_number_is_caught: writes::RoundsNumbers by values_are_read_back_exactly;
    a_write_in_two_steps_is_caught: writes::WritesInTwoSteps by
        of_many_writes_on_one_state_one_is_done
        requests_at_the_same_time_each_count;
    a_forgotten_replace_is_caught: writes::ForgetsItsReplaces by
        a_repeated_replace_is_done_once
        requests_count_once_although_replies_are_lost;
    a_short_memory_is_caught: writes::RemembersOneWrite by
        a_repeated_replace_is_recognised_behind_other_writes
        requests_at_the_same_time_count_once_although_replies_are_lost;
    a_forgotten_create_is_caught: writes::ForgetsItsCreates by
        a_repeated_create_is_done_once
        a_repeated_create_is_recognised_behind_other_writes;
    a_token_told_once_is_caught: writes::TellsATokenOnce by a_repeated_rotation_issues_its_token_again;
    a_create_over_others_is_caught: writes::CreatesOverOthers by
        a_create_overwrites_nothing
        of_many_creates_of_one_id_one_is_done;
    a_create_over_tombstones_is_caught: ends::CreatesOverTombstones by
        an_ended_session_takes_no_writes
        no_order_of_calls_brings_an_ended_session_back
        an_end_among_busy_writers_is_final;
    a_save_over_tombstones_is_caught: ends::SavesOverTombstones by
        an_ended_session_takes_no_writes
        no_order_of_calls_brings_an_ended_session_back
        an_end_among_busy_writers_is_final
        a_log_out_beats_the_requests_under_way
        a_touch_revives_nothing;
    an_ignored_expiry_is_caught: times::IgnoresExpiry by an_idle_session_expires a_session_expires_at_its_deadline;
    an_ignored_idle_timeout_is_caught: times::IgnoresIdleTimeout by an_idle_session_expires;
    a_revival_of_the_expired_is_caught: times::RevivesExpired by an_expired_session_takes_no_writes;
    a_sweep_of_everything_is_caught: times::SweepsEverything by a_clock_that_jumps_ahead_sweeps_little;
    an_old_secret_that_stays_good_is_caught: secrets::AcceptsOldSecrets by
        a_rotation_refuses_the_old_token_at_once
        a_rotation_honours_the_old_token_for_its_grace
        the_new_token_ends_the_grace
        a_token_of_several_rotations_ago_reads_as_replaced;
    a_grace_without_end_is_caught: secrets::NeverReissues by the_new_token_ends_the_grace;
    a_missing_grace_is_caught: secrets::HasNoGrace by a_rotation_honours_the_old_token_for_its_grace;
    an_unread_secret_is_caught: secrets::IgnoresSecrets by
        an_id_opens_nothing
        a_made_up_token_opens_nothing
        a_token_with_a_flipped_bit_opens_nothing;
    a_second_spelling_is_caught: secrets::IgnoresCase by a_token_in_capitals_opens_nothing;
    an_unread_end_is_caught: secrets::ReadsOnlyTheBeginning by a_token_with_an_addition_opens_nothing;
    an_error_on_junk_is_caught: secrets::FailsOnJunk by junk_opens_nothing a_part_of_a_token_opens_nothing;
    a_panic_on_junk_is_caught: secrets::PanicsOnJunk by junk_opens_nothing a_token_with_a_flipped_bit_opens_nothing;
    an_unrecognised_token_is_caught: secrets::RecognisesNothing by issued_tokens_are_recognised;
    a_token_in_debug_is_caught: secrets::ShowsTokens by debug_shows_no_secret;
    an_outage_taken_for_absence_is_caught: guarantees::TakesOutagesForAbsence by an_outage_is_an_error;
    an_end_claimed_in_an_outage_is_caught: guarantees::ClaimsToEndInOutages by an_outage_is_an_error;
    an_index_of_the_ended_is_caught: index::ListsEnded by ended_sessions_are_not_listed;
    an_index_of_former_subjects_is_caught: index::ListsFormerSubjects by
        a_login_moves_a_session_to_its_subject
        a_refused_write_changes_no_list;
    an_index_in_the_wrong_order_is_caught: index::ListsTheOldestFirst by
        the_sessions_of_a_subject_are_listed_the_newest_first;
    a_count_of_too_few_is_caught: index::CountsTooFew by
        the_sessions_of_a_subject_are_listed_the_newest_first;
    an_index_of_strangers_is_caught: index::ListsByPrefix by nobody_sees_the_sessions_of_another;
    a_missing_index_is_caught: index::HasNoIndex by there_is_an_index_if_and_only_if_it_is_declared;
    a_touch_that_goes_back_is_caught: times::TouchesBackwards by
        a_touch_never_goes_back
        a_touch_loses_no_change
        a_touch_undoes_no_rotation;
    a_touch_of_what_is_gone_is_caught: times::TouchesWhatIsGone by
        a_touch_revives_nothing
        a_touch_never_creates
        an_expired_session_takes_no_writes;
    an_ignored_touch_is_caught: times::IgnoresTouches by a_touch_prolongs_an_idle_session;
    a_secret_in_the_dump_is_caught: secrets::WritesSecretsDown by a_dump_holds_no_secret;
    an_answer_from_memory_is_caught: guarantees::AnswersFromMemory by load_now_agrees_with_load;
    a_limit_below_the_declared_is_caught: guarantees::TakesLess by data_of_the_declared_size_are_kept;
    a_limit_above_the_declared_is_caught: guarantees::TakesMore by data_beyond_the_declared_size_are_refused;
    a_hidden_limit_is_caught: guarantees::HidesItsLimit by large_data_are_kept_where_no_limit_is_declared;
    guarantees_that_change_are_caught: guarantees::ChangesItsMind by the_guarantees_never_change;
    a_token_told_with_every_save_is_caught: writes::AlwaysTellsAToken by an_ordinary_save_issues_no_token;
    an_end_of_one_handle_is_caught: guarantees::EndsForItself by
        another_server_refuses_an_ended_session
        a_restart_keeps_tombstones;
    an_end_that_does_nothing_is_caught: ends::EndsNothing by
        an_ended_session_is_refused
        an_end_refuses_every_token_of_the_session
        no_order_of_calls_brings_an_ended_session_back;
    an_end_of_everything_is_caught: ends::EndsEverything by an_end_ends_one_session;
    an_end_that_fails_the_second_time_is_caught: ends::FailsToEndTwice by
        end_is_idempotent
        a_log_out_counts_although_its_reply_is_lost;
    a_find_of_nothing_is_caught: guarantees::FindsNothing by a_session_is_found_by_its_id;
    a_loss_of_empty_sessions_is_caught: writes::LosesEmptySessions by an_empty_session_is_loaded;
    a_dropped_save_is_caught: writes::DropsSaves by a_saved_change_is_loaded requests_in_a_row_each_count;
    a_dropped_login_is_caught: writes::DropsLogins by a_saved_login_is_loaded;
    a_conflict_taken_for_an_end_is_caught: writes::TakesConflictsForEnds by
        a_stale_write_is_answered_with_what_is_stored
        the_last_writer_wins_where_the_key_says_so;
    a_store_that_knows_only_its_own_is_caught: guarantees::KnowsOnlyItsOwn by
        another_server_opens_the_session
        another_server_lists_the_session
        a_restart_keeps_live_sessions;
    an_index_of_the_expired_is_caught: index::ListsExpired by expired_sessions_are_not_listed;
    a_store_that_comes_back_empty_is_caught: guarantees::ComesBackEmpty by an_outage_loses_no_session;
    a_sweep_of_the_future_is_caught: times::SweepsTheFuture by a_clock_that_falls_back_loses_nothing;
    an_idle_timeout_from_the_beginning_is_caught: times::CountsIdleFromTheBeginning by
        a_session_in_use_lives_until_its_deadline
        a_touch_prolongs_an_idle_session;
    trust_in_the_future_is_caught: times::TrustsTheFuture by a_last_use_in_the_future_grants_nothing;
    an_overflow_of_times_is_caught: times::OverflowsTimes by a_session_without_timeouts_does_not_expire;
    a_touch_of_the_deadline_is_caught: times::TouchesTheDeadline by a_touch_never_moves_the_deadline;
    a_change_that_is_never_written_is_caught: guarantees::WritesNothingBehind by
        a_crash_loses_no_more_than_declared;
    a_login_that_is_written_behind_is_caught: guarantees::WritesLoginsBehind by
        a_crash_loses_no_login_and_no_log_out;
    an_early_end_of_a_grace_is_caught: secrets::EndsGraceEarly by a_save_keeps_the_grace;
    a_call_without_a_deadline_is_caught: deadlines::IgnoresDeadlines by a_call_to_a_silent_store_ends_at_its_deadline;
    a_call_that_hangs_after_its_deadline_is_caught: deadlines::HangsAfterDeadlines by a_call_after_its_deadline_ends;
    a_write_of_one_handle_is_caught: guarantees::WritesForItself by
        another_server_sees_a_write
        a_restart_keeps_live_sessions;
}

#[tokio::test]
async fn flaws_of_carried_sessions_are_caught() {
    for (flaw, check) in [
        (carried::Flaw::HalfSignature, "a_token_with_a_flipped_bit_opens_nothing"),
        (carried::Flaw::IgnoresExpiry, "an_idle_session_expires"),
        (carried::Flaw::ClaimsToEnd, "an_end_is_honest_where_clients_hold_the_session"),
        (carried::Flaw::TellsNoToken, "every_save_issues_a_token"),
        (carried::Flaw::ClaimsToHide, "an_encrypted_token_hides_its_session"),
        (carried::Flaw::FindsNothing, "find_is_refused_where_no_record_is_kept"),
        (carried::Flaw::ForgetsSubject, "a_created_session_is_loaded_with_all_its_fields"),
    ] {
        let report = conformance::check(|| Arc::new(Carried(flaw))).await;
        assert_caught(&report, &[check]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn flaws_of_what_ends_sessions_by_a_log_are_caught() {
    for (flaw, check) in [
        (revocable::Flaw::None, ""),
        (
            revocable::Flaw::ForgetsSequences,
            "all_sessions_of_a_subject_end_by_one_write_and_later_logins_count",
        ),
        (revocable::Flaw::SparesNothing, "all_sessions_of_a_subject_end_by_one_write_and_later_logins_count"),
        (
            revocable::Flaw::RaisesSequences,
            "all_sessions_of_a_subject_end_by_one_write_and_later_logins_count",
        ),
    ] {
        let report = conformance::check(|| Arc::new(revocable::Flawed::new(flaw))).await;
        if flaw == revocable::Flaw::None {
            report.assert();
        } else {
            assert_caught(&report, &[check]);
        }
    }
}

#[tokio::test]
async fn every_check_is_seen_to_fail() {
    let catchers = include_str!("main.rs").split_once("flaws_are_caught! {").unwrap().1;
    let words: Vec<_> = catchers.split(|char: char| !char.is_alphanumeric() && char != '_').collect();
    let report = conformance::check(|| Arc::new(MemoryStore::new())).await;
    let unseen: Vec<_> =
        report.entries().map(|(check, _)| check).filter(|check| !words.contains(check)).collect();
    assert_eq!(unseen, [""; 0]);
}
