"""Nothing from after a cut may reach the rows of that cut; duplicates and order do not matter."""

from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from rapport_training.dataset import Label, build_dataset, cuts_between
from rapport_training.definitions import DAY_MS, choose_features, read_features
from rapport_training.command import PROPENSITY_FEATURES
from rapport_training.events import Event, Person
from rapport_training.synthetic import START_MS

from made_up import made_up_people

FEATURES = choose_features(read_features(Path(__file__).parents[2] / "playbook"), PROPENSITY_FEATURES)
LABEL = Label("Order Completed", 7)
PEOPLE = made_up_people(12, 40, seed=7)
CUT_MS = START_MS + 20 * DAY_MS


def an_event(received_ms: int, at_ms: int, name: str) -> Event:
    properties = {"product_id": "x", "price": 1.0, "revenue": 99.0}
    return Event("track", name, f"extra-{received_ms}-{at_ms}", min(at_ms, received_ms), received_ms, properties, {}, {})


later_events = st.lists(
    st.builds(
        an_event,
        received_ms=st.integers(CUT_MS + 1, CUT_MS + 60 * DAY_MS),
        at_ms=st.integers(CUT_MS - 20 * DAY_MS, CUT_MS + 60 * DAY_MS),
        name=st.sampled_from(["Product Viewed", "Product Added", "Order Completed"]),
    ),
    max_size=20,
)


@given(st.lists(later_events, min_size=len(PEOPLE), max_size=len(PEOPLE)), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_what_comes_after_the_cut_changes_no_row(extra, shuffler):
    before = build_dataset(PEOPLE, FEATURES, LABEL, [CUT_MS])
    changed = []
    for person, events in zip(PEOPLE, extra, strict=True):
        kept = [event for event in person.events if event.received_ms <= CUT_MS] + events
        shuffler.shuffle(kept)
        changed.append(replace(person, events=tuple(kept)))
    after = build_dataset(changed, FEATURES, LABEL, [CUT_MS])
    rows = dict(zip(after.profile_ids, after.rows.tolist(), strict=True))
    assert {pid: rows[pid] for pid in before.profile_ids} == dict(
        zip(before.profile_ids, before.rows.tolist(), strict=True)
    )


def test_the_label_looks_only_behind_the_cut():
    at_cut = Person("p", (), (an_event(CUT_MS, CUT_MS, "Order Completed"),))
    just_after = Person("p", (), (*at_cut.events, an_event(CUT_MS + 1, CUT_MS + 1, "Order Completed")))
    at_the_end = Person("p", (), (*at_cut.events, an_event(CUT_MS + 7 * DAY_MS, CUT_MS + 7 * DAY_MS, "Order Completed")))
    beyond = Person("p", (), (*at_cut.events, an_event(CUT_MS + 8 * DAY_MS, CUT_MS + 7 * DAY_MS + 1, "Order Completed")))
    labels = [bool(build_dataset([p], FEATURES, LABEL, [CUT_MS]).labels[0]) for p in (at_cut, just_after, at_the_end, beyond)]
    assert labels == [False, True, True, False]


def test_cuts_leave_room_for_the_label():
    cuts = cuts_between(0, 30 * DAY_MS, LABEL, every_days=5, warm_up_days=10)
    assert cuts == [10 * DAY_MS, 15 * DAY_MS, 20 * DAY_MS]
