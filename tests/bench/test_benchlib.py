# SPDX-License-Identifier: GPL-2.0-or-later
"""The benchmarks' arithmetic."""

import json
import os
import random
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import benchlib  # noqa: E402


def test_median():
    assert benchlib.median([3]) == 3
    assert benchlib.median([3, 1, 2]) == 2
    assert benchlib.median([4, 1, 2, 3]) == 2.5
    with pytest.raises(ValueError):
        benchlib.median([])


def test_median_ignores_outliers():
    assert benchlib.median([1, 1, 1, 1000, 1]) == 1


# the ranks of the usual tables for the 95 % interval of a median, counted from 1
@pytest.mark.parametrize("n, low, high", [(6, 1, 6), (8, 1, 8), (9, 2, 8), (10, 2, 9), (12, 3, 10),
                                          (15, 4, 12), (20, 6, 15), (25, 8, 18), (50, 18, 33), (100, 40, 61)])
def test_interval_ranks(n, low, high):
    values = list(range(1, n + 1))
    random.Random(n).shuffle(values)
    assert benchlib.interval(values) == (low, high)


def test_interval_of_few_is_all():
    assert benchlib.interval([5]) == (5, 5)
    assert benchlib.interval([3, 1, 2]) == (1, 3)
    with pytest.raises(ValueError):
        benchlib.interval([])


def test_interval_holds_the_median():
    """as often as it says, of a distribution that is not symmetric"""
    source = random.Random(1)
    true_median = 2 ** 0.5  # of 1/sqrt(u)
    hits = sum(low <= true_median <= high for low, high in
               (benchlib.interval([source.random() ** -0.5 for _ in range(40)]) for _ in range(2000)))
    assert 0.94 < hits / 2000 < 1


def test_narrower_with_less_confidence():
    values = list(range(100))
    low, high = benchlib.interval(values, 0.5)
    wide_low, wide_high = benchlib.interval(values, 0.99)
    assert wide_low < low < high < wide_high


def test_ratio_pairs_rounds():
    """A machine half as fast in some rounds changes no ratio."""
    speed = [1, 2, 1, 2, 1]
    base = [100 * s for s in speed]
    case = [150 * s for s in speed]
    assert benchlib.ratios(case, base) == [1.5] * 5


def test_ratio_takes_the_cost_off_both():
    assert benchlib.ratios([300, 320], [200, 220], ([100, 120], [100, 120])) == [2, 2]
    # of packets of another kind
    assert benchlib.ratios([350], [200], ([150], [100])) == [2]


def test_ratio_of_what_is_no_measurement():
    with pytest.raises(ValueError):
        benchlib.ratios([1, 2], [1])
    with pytest.raises(ValueError):
        benchlib.ratios([5], [3], ([1], [3]))


def test_mean_interval():
    assert benchlib.mean_interval([7]) is None
    assert benchlib.mean_interval([3, 3, 3]) == 0
    # deviation 1, three samples: 4.303 / sqrt(3)
    assert benchlib.mean_interval([1, 2, 3]) == pytest.approx(2.484, abs=0.001)


def test_write_replaces(tmp_path):
    path = str(tmp_path / "deep" / "result.json")
    benchlib.write(path, {"cases": [1]})
    benchlib.write(path, {"cases": [1, 2]})
    with open(path) as f:
        assert json.load(f) == {"cases": [1, 2]}
    assert os.listdir(os.path.dirname(path)) == ["result.json"]


def test_machine_says_what_it_is():
    facts = benchlib.machine()
    assert facts["cpus"] >= 1 and facts["memoryKiB"] > 0 and facts["kernel"]


def test_table(capsys):
    benchlib.table(["case", "ns"], [["a-long-name", "1.0"], ["b", "10.0"]])
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["case           ns", "-----------  ----", "a-long-name   1.0", "b            10.0"]
