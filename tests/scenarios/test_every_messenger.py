"""The same stories through every messenger: whatever it can draw, what happens and what is booked is the same."""

import gc
import logging
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest

from tests.databases import Databases
from tests.logs import errors
from tests.remote import RemoteHarness, Rig
from tests.scenarios import (
    test_approvals_change,
    test_cards,
    test_claims,
    test_comes_back,
    test_credit,
    test_currencies,
    test_customer_letters,
    test_deputies,
    test_disputes,
    test_life_of_an_approval,
    test_one_card,
    test_owners,
    test_pauses,
    test_payments,
    test_promises,
    test_proposals,
    test_results,
    test_silence,
    test_worked_example,
)

MESSENGERS = ("slack", "dingtalk", "dingtalk.TextRig", "wecom", "wecom_aibot")
STORIES: list[Callable[..., Any]] = [
    test_worked_example.test_the_worked_example_comes_out_exactly,
    test_promises.test_a_part_promised_before_work_leaves_the_rest_for_this_morning,
    test_promises.test_a_promise_of_more_than_is_open_by_then_is_kept_by_what_was_open,
    test_promises.test_a_kept_promise_is_kept_at_once_and_nobody_is_reminded,
    test_promises.test_a_receipt_dated_in_time_and_posted_late_corrects_the_promise,
    test_promises.test_the_second_in_a_row_goes_to_the_manager_who_hears_of_the_correction_too,
    test_promises.test_who_puts_off_a_third_time_needs_the_manager,
    test_promises.test_nobody_approves_their_own_promise,
    test_promises.test_an_approved_promise_of_a_part_leaves_the_rest_to_chase,
    test_promises.test_a_promise_put_off_too_late_counts_as_broken_first,
    test_claims.test_a_receipt_proves_a_pending_claim,
    test_claims.test_claims_that_nobody_confirms_expire_and_two_in_a_row_go_to_the_manager,
    test_pauses.test_a_pause_takes_all_out_and_ends_by_itself_at_todays_step,
    test_pauses.test_a_pause_shows_on_every_card_and_can_be_ended_by_hand,
    test_disputes.test_a_rejected_dispute_goes_back_at_todays_step,
    test_results.test_again_on_is_at_most_five_working_days_ahead,
    test_results.test_snooze_hides_twice_at_most_and_moves_no_answer_by,
    test_results.test_the_result_of_a_colleague_without_rights_is_refused,
    test_promises.test_a_promise_that_covers_a_part_leaves_the_rest_to_chase,
    test_promises.test_a_new_promise_in_time_replaces_the_old_one,
    test_promises.test_a_promise_too_far_away_waits_for_the_manager_and_dunning_goes_on,
    test_promises.test_a_promise_of_too_little_that_the_manager_rejects_changes_nothing,
    test_claims.test_a_confirmed_claim_settles_it_and_its_import_is_not_a_second_receipt,
    test_claims.test_a_voided_claim_brings_the_task_back,
    test_claims.test_paid_in_part_is_a_claim_for_that_part,
    test_disputes.test_forty_of_a_hundred_disputed_then_sixty_paid_then_twenty_more,
    test_disputes.test_an_accepted_dispute_becomes_a_credit_note,
    test_disputes.test_how_much_is_accepted_can_be_said_on_any_card,
    test_silence.test_silence_climbs_from_li_to_the_admin,
    test_silence.test_a_result_of_the_manager_closes_both_tasks,
    test_owners.test_a_customer_without_owner_is_asked_about_and_the_answer_moves_the_task,
    test_owners.test_a_manager_hands_the_customer_over_from_an_alert,
    test_pauses.test_more_than_fourteen_days_or_a_second_one_needs_the_manager,
    test_payments.test_part_payments_between_the_steps_show_what_is_left,
    test_payments.test_credit_that_covers_it_all_sends_nothing_but_one_task_to_allocate,
    test_payments.test_money_of_another_currency_than_the_receipts_is_refused_in_words,
    test_payments.test_how_much_goes_on_which_receivable_can_be_said_on_any_card,
    test_currencies.test_an_amount_says_which_currency_is_promised_on_any_card,
    test_results.test_not_reached_comes_back_on_the_day_and_three_in_a_row_go_up,
    test_results.test_a_copy_is_a_task_for_finance_and_comes_back_after_five_working_days,
    test_results.test_other_comes_back_after_five_working_days,
    test_comes_back.test_a_snoozed_task_comes_back_on_its_day,
    test_one_card.test_a_step_later_that_day_takes_over_the_card_of_the_promise,
    test_cards.test_a_digest_is_decided_once_a_morning,
    test_cards.test_a_further_step_sends_the_card_anew_and_the_old_one_points_to_it,
    test_customer_letters.test_in_review_finance_releases_a_batch_with_one_button,
    test_credit.test_the_director_says_yes_in_any_messenger,
    test_credit.test_the_director_says_no_in_any_messenger,
    test_credit.test_the_director_says_yes_on_conditions_in_any_messenger,
    test_credit.test_the_director_says_yes_for_a_while_and_on_shorter_terms_in_any_messenger,
    test_proposals.test_a_proposal_is_agreed_to_in_any_messenger,
    test_proposals.test_a_proposal_is_declined_with_a_reason_in_any_messenger,
    test_deputies.test_a_deputy_says_yes_in_any_messenger,
    test_life_of_an_approval.test_a_reminder_is_the_card_again_in_any_messenger,
    test_life_of_an_approval.test_the_rep_explains_takes_back_and_asks_again_in_any_messenger,
    test_approvals_change.test_what_has_grown_goes_to_whose_it_is_in_any_messenger,
]
TYPED = "wecom.TextRig"  # what is typed answers the newest card: for stories that press no older ones


@pytest.fixture(scope="module")
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    module, _, name = request.param.partition(".")
    made: Rig = getattr(import_module(f"tests.rigs.{module}"), name or "Rig")()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def hk(
    rig: Rig, databases: Databases, caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest
) -> Iterator[RemoteHarness]:
    caplog.set_level(logging.WARNING)
    url = databases.create("sqlite")
    harness = RemoteHarness(url, rig)
    failed = request.session.testsfailed
    yield harness
    if request.session.testsfailed > failed:
        harness.stop()
    else:
        harness.close()
        gc.collect()  # a task that nobody ended is an error when it is swept away, in no later story
        assert errors(caplog) == []
    databases.drop(url)


def named(story: Callable[..., Any]) -> str:
    return story.__name__.removeprefix("test_")


@pytest.mark.parametrize("story", STORIES, ids=named)
@pytest.mark.parametrize("rig", MESSENGERS, indirect=True, scope="module")
def test_the_story(story: Callable[..., Any], hk: RemoteHarness) -> None:
    story(hk)


@pytest.mark.parametrize("story", [one for one in STORIES if one.__name__.endswith("in_any_messenger")], ids=named)
@pytest.mark.parametrize("rig", [TYPED], indirect=True, scope="module")
def test_the_story_by_typing_alone(story: Callable[..., Any], hk: RemoteHarness) -> None:
    story(hk)
