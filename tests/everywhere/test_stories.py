"""What runs through every messenger, and what is left out, is what there is."""

from tests.everywhere.stories import APART, LEFT_OUT, WHOLE, for_everybody, for_who_types, modules, told_in


def test_every_module_that_is_named_is_there_and_named_once() -> None:
    assert set(WHOLE) | APART.keys() <= set(modules())
    assert not set(WHOLE) & APART.keys() and len(set(WHOLE)) == len(WHOLE)


def test_only_what_is_told_is_left_out_and_the_rest_of_the_module_runs() -> None:
    told = {name.removeprefix("test_") for module in WHOLE for name in told_in(module)}
    assert LEFT_OUT.keys() <= told
    running = {name.removeprefix("test_") for name in for_everybody()}
    assert not LEFT_OUT.keys() & running
    assert {"the_worked_example_comes_out_exactly", "whoever_links_an_account_gets_what_they_missed"} <= running


def test_who_types_gets_the_stories_that_any_messenger_can_tell() -> None:
    assert for_who_types().keys() < for_everybody().keys()
    assert "test_a_deputy_says_yes_in_any_messenger" in for_who_types()
