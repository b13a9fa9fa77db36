"""When somebody stops acting for a patient: a child's proxy at the 18th birthday, everybody else on a day."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.access.holders import NOBODY, Holder
from chalicelib.access.proxies import MOST_YEARS, Relation, check_may_end, end_of, majority
from chalicelib.archive.scope import PatientRef
from chalicelib.errors import BadRequest, NotAllowed
from tests.unit.access.test_second_factors import PARENT

PARIS = ZoneInfo("Europe/Paris")
TODAY = date(2026, 11, 26)


def local(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, PARIS)


@given(st.dates(date(2008, 11, 27), TODAY), st.none() | st.integers(0, 365 * MOST_YEARS))
def test_a_parent_s_right_never_outlives_childhood(born: date, days: int | None) -> None:
    last = "" if days is None else (TODAY + timedelta(days)).isoformat()
    end = local(end_of(Relation.PARENT, born.isoformat(), last, TODAY))
    assert (end.hour, end.minute) == (0, 0)
    assert TODAY < end.date() <= majority(born)
    if days is not None:
        assert end.date() <= TODAY + timedelta(days + 1)


def test_nobody_is_a_parent_of_an_adult_and_no_child_gives_a_mandate() -> None:
    of_age_today, tomorrow = "2008-11-26", "2008-11-27"
    with pytest.raises(BadRequest):
        end_of(Relation.PARENT, of_age_today, "", TODAY)
    assert local(end_of(Relation.PARENT, tomorrow, "", TODAY)).date() == date(2026, 11, 27)
    with pytest.raises(BadRequest):
        end_of(Relation.TRUSTED, tomorrow, "2027-01-01", TODAY)
    assert local(end_of(Relation.TRUSTED, of_age_today, "2027-01-01", TODAY)).date() == date(2027, 1, 2)
    # The guardian of a child is one of a child.
    assert local(end_of(Relation.GUARDIAN, tomorrow, "2027-01-01", TODAY)).date() == date(2026, 11, 27)


@pytest.mark.parametrize("until", ["", "2026-11-25", "2032-11-26", "26/11/2027", "2027-02-30"])
def test_the_last_day_is_one_of_the_next_years(until: str) -> None:
    for relation in (Relation.GUARDIAN, Relation.TRUSTED):
        with pytest.raises(BadRequest):
            end_of(relation, "1976-02-01", until, TODAY)


def test_a_patient_takes_back_a_mandate_alone() -> None:
    from dataclasses import replace

    check_may_end(replace(PARENT, relation=Relation.TRUSTED))
    for relation in (Relation.PARENT, Relation.GUARDIAN):
        with pytest.raises(NotAllowed):
            check_may_end(replace(PARENT, relation=relation))


def test_subjects_of_holders_never_meet() -> None:
    patient, other = PatientRef("nord", "P1"), PatientRef("nord", "P1", "X")
    holders = [NOBODY, Holder(patient), Holder(other), Holder(patient, "a"), Holder(patient, "b"), Holder(other, "a")]
    assert len({holder.subject for holder in holders}) == len(holders)
    # As sessions of patients have been named before.
    assert Holder(patient).subject.startswith("patient.")
