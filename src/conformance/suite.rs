//! Every check, and what it requires.

use super::{
    Harness, Verdict, answers, carried, clocks, crash, create, deadlines, end, expiry, index, limits,
    lost_replies, outside, replace, requests,
    requirements::{
        Requirement, has_index, index_is_shared, is_carried, is_encrypted, is_limited, is_remote, is_shared,
        is_stored_outside, is_unlimited, is_written_behind, keeps_no_records, keeps_records, loses_no_update,
        reordering_is_harmless, revokes, revokes_at_expiry, revokes_at_once, survives_restart,
    },
    resurrection, rotation, servers, tokens, touch, values,
};
use crate::{session::BoxFuture, store::Guarantees};

/// A check of the suite.
pub(super) struct Check {
    /// What it checks, as a sentence.
    pub(super) name: &'static str,
    /// It applies to stores whose guarantees meet all of these.
    requirements: &'static [Requirement],
    run: for<'a> fn(&'a dyn Harness) -> BoxFuture<'a, Verdict>,
}

impl Check {
    pub(super) fn applies_to(&self, guarantees: &Guarantees) -> bool {
        self.requirements.iter().all(|requirement| requirement(guarantees))
    }

    pub(super) fn run<'a>(&self, harness: &'a dyn Harness) -> BoxFuture<'a, Verdict> {
        (self.run)(harness)
    }
}

/// A list of checks, from lines of requirements and the checks of one module that have them.
macro_rules! checks {
    ($($requirements:tt => $module:ident: $($name:ident)+;)+) => {
        &[$($(Check {
            name: stringify!($name),
            requirements: &$requirements,
            run: |harness| Box::pin($module::$name(harness)),
        }),+),+]
    };
}

pub(super) const CHECKS: &[Check] = checks! {
    [] => create: a_created_session_is_loaded_with_all_its_fields an_empty_session_is_loaded;
    [keeps_records] => create:
        a_create_overwrites_nothing
        a_repeated_create_is_done_once
        a_repeated_create_is_recognised_behind_other_writes
        of_many_creates_of_one_id_one_is_done;

    [] => replace: a_saved_change_is_loaded a_saved_login_is_loaded;
    [keeps_records] => replace: replace_never_creates a_repeated_rotation_issues_its_token_again;
    [loses_no_update] => replace:
        a_stale_write_is_answered_with_what_is_stored
        a_version_is_more_than_a_count
        a_repeated_replace_is_done_once
        a_repeated_replace_is_recognised_behind_other_writes
        of_many_writes_on_one_state_one_is_done;
    [reordering_is_harmless] => replace: an_ordinary_save_issues_no_token;
    [is_carried] => replace: every_save_issues_a_token;

    [revokes] => end:
        an_ended_session_is_refused
        an_end_ends_one_session
        end_is_idempotent;
    [keeps_records, revokes] => end:
        an_ended_session_is_distinguished_from_an_unknown_one
        an_end_says_on_whose_account_it_was
        end_is_idempotent_and_blocks_the_id_where_nothing_was_stored
        an_ended_session_takes_no_writes
        an_end_refuses_every_token_of_the_session
        a_tombstone_lasts_as_long_as_asked
        a_tombstone_may_last_for_ever
        a_second_end_only_prolongs_the_tombstone;
    [is_carried, revokes] => end: all_sessions_of_a_subject_end_by_one_write_and_later_logins_count;
    [revokes_at_expiry] => end: an_end_is_honest_where_clients_hold_the_session;

    [keeps_records, revokes] => resurrection:
        no_order_of_calls_brings_an_ended_session_back
        an_end_among_busy_writers_is_final;

    [] => values: values_are_read_back_exactly;

    [] => requests: requests_in_a_row_each_count;
    [loses_no_update] => requests:
        requests_at_the_same_time_each_count
        requests_with_keys_of_their_own_all_keep_them
        a_value_read_and_overwritten_meanwhile_is_a_conflict
        the_last_writer_wins_where_the_key_says_so
        a_login_beats_the_requests_under_way;
    [keeps_records, revokes_at_once] => requests: a_log_out_beats_the_requests_under_way;

    [] => lost_replies: requests_count_once_although_replies_are_lost;
    [loses_no_update] => lost_replies: requests_at_the_same_time_count_once_although_replies_are_lost;
    [revokes] => lost_replies: a_log_out_counts_although_its_reply_is_lost;

    [] => expiry:
        an_idle_session_expires
        a_session_expires_at_its_deadline
        a_session_in_use_lives_until_its_deadline
        a_last_use_in_the_future_grants_nothing
        a_session_without_timeouts_does_not_expire;
    [keeps_records] => expiry: an_expired_session_takes_no_writes;

    [] => clocks: a_clock_that_jumps_ahead_sweeps_little a_clock_that_falls_back_loses_nothing;

    [] => touch: a_touch_prolongs_an_idle_session a_touch_never_moves_the_deadline;
    [keeps_records] => touch: a_touch_never_goes_back a_touch_never_creates;
    [keeps_records, loses_no_update] => touch: a_touch_loses_no_change a_touch_undoes_no_rotation;
    [keeps_records, revokes] => touch: a_touch_revives_nothing;

    [keeps_records] => rotation:
        a_rotation_refuses_the_old_token_at_once
        a_rotation_honours_the_old_token_for_its_grace
        the_new_token_ends_the_grace
        a_save_keeps_the_grace
        a_token_of_several_rotations_ago_reads_as_replaced;

    [] => index: there_is_an_index_if_and_only_if_it_is_declared;
    [has_index] => index:
        the_sessions_of_a_subject_are_listed_the_newest_first
        a_login_moves_a_session_to_its_subject
        expired_sessions_are_not_listed
        nobody_sees_the_sessions_of_another;
    [has_index, revokes] => index: ended_sessions_are_not_listed;
    [has_index, loses_no_update] => index: a_refused_write_changes_no_list;

    [is_limited] => limits: data_of_the_declared_size_are_kept data_beyond_the_declared_size_are_refused;
    [is_unlimited] => limits: large_data_are_kept_where_no_limit_is_declared;

    [] => tokens:
        issued_tokens_are_recognised
        a_token_with_a_flipped_bit_opens_nothing
        a_part_of_a_token_opens_nothing
        a_token_with_an_addition_opens_nothing
        junk_opens_nothing
        debug_shows_no_secret;
    [keeps_records] => tokens:
        an_id_opens_nothing
        a_token_in_capitals_opens_nothing
        a_made_up_token_opens_nothing;

    [] => answers:
        the_guarantees_never_change
        load_now_agrees_with_load;
    [keeps_records] => answers: a_session_is_found_by_its_id;
    [keeps_no_records] => answers: find_is_refused_where_no_record_is_kept;

    [is_shared] => servers: another_server_opens_the_session;
    [is_shared, keeps_records] => servers: another_server_sees_a_write;
    [is_shared, revokes] => servers: another_server_refuses_an_ended_session;
    [index_is_shared] => servers: another_server_lists_the_session;
    [survives_restart] => servers: a_restart_keeps_live_sessions;
    [survives_restart, revokes] => servers: a_restart_keeps_tombstones;

    [keeps_records, is_written_behind] => crash: a_crash_loses_no_more_than_declared;
    [keeps_records, is_written_behind, revokes] => crash: a_crash_loses_no_login_and_no_log_out;

    [is_stored_outside] => outside: a_dump_holds_no_secret an_outage_is_an_error an_outage_loses_no_session;

    [] => deadlines: a_call_after_its_deadline_ends;
    [is_remote] => deadlines: a_call_to_a_silent_store_ends_at_its_deadline;

    [is_encrypted] => carried: an_encrypted_token_hides_its_session;
};

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_check_has_a_name_of_its_own() {
        let names: HashSet<_> = CHECKS.iter().map(|check| check.name).collect();
        assert_eq!(names.len(), CHECKS.len());
    }

    const SOURCES: &[&str] = &[
        include_str!("answers.rs"),
        include_str!("carried.rs"),
        include_str!("clocks.rs"),
        include_str!("crash.rs"),
        include_str!("create.rs"),
        include_str!("deadlines.rs"),
        include_str!("end.rs"),
        include_str!("expiry.rs"),
        include_str!("index.rs"),
        include_str!("limits.rs"),
        include_str!("lost_replies.rs"),
        include_str!("outside.rs"),
        include_str!("replace.rs"),
        include_str!("requests.rs"),
        include_str!("resurrection.rs"),
        include_str!("rotation.rs"),
        include_str!("servers.rs"),
        include_str!("tokens.rs"),
        include_str!("touch.rs"),
        include_str!("values.rs"),
    ];

    #[test]
    fn every_public_check_is_in_the_suite() {
        let written: HashSet<_> = SOURCES
            .iter()
            .flat_map(|source| source.split("\npub async fn ").skip(1))
            .filter_map(|rest| rest.split('(').next())
            .collect();
        let listed: HashSet<_> = CHECKS.iter().map(|check| check.name).collect();
        assert_eq!(written, listed);
    }
}
