"""The golden pairs of the vendors' interfaces say what the house rules say, which know nothing of the mappings."""

from __future__ import annotations

import pytest

from adapters.sdk.types import VendorRecord
from adapters.simulators import dialects
from adapters.suite.golden import load_golden
from adapters.suite.subject import find_folder, load_subject
from schemas.catalog import load_edition


@pytest.mark.slow
@pytest.mark.parametrize("vendor", ["a", "b", "c"])
def test_each_golden_record_is_written_by_the_house_rules_as_it_stands_in_the_file(vendor: str) -> None:
    """Every item of every golden record of every interface, drafted ones included."""
    subject = load_subject(find_folder(f"{vendor}/interfaces"), load_edition())
    compared = 0
    for sample in subject.samples:
        assert sample.golden is not None
        assert sample.pair is not None
        unit, record_type = sample.pair.mapping.unit, sample.pair.mapping.record_type
        theirs = [one.values for one in sample.read()[0] if isinstance(one, VendorRecord)]
        ours = load_golden(sample.golden, unit, record_type)
        assert len(theirs) == len(ours)
        for row, values in zip(theirs, ours, strict=True):
            wanted = dialects.to_vendor(vendor, unit, record_type, values)
            said = {name: text for name, text in wanted.items() if name in row}  # the codec keeps record types itself
            assert {name: row[name] for name in said} == said, sample.path.name
            assert len(said) >= len(wanted) - 1
            assert not any(value for name, value in row.items() if name not in wanted)
            compared += 1
    assert compared > len(subject.samples)
