"""Goals are judged by the figures of the same run, and only where there are any."""

from plumbline.bench.ingest.goals import GOALS, judge


def test_a_run_without_figures_is_held_against_nothing():
    assert judge({}) == []


def test_a_figure_is_divided_by_the_one_beside_it():
    [backlog] = judge({"limit": {"best_2": 200_000}, "backlog": {"events_per_s": 150_000}})
    assert (backlog.ratio, backlog.reached) == (0.75, True)
    [backlog] = judge({"limit": {"best_2": 200_000}, "backlog": {"events_per_s": 130_000}})
    assert (backlog.ratio, backlog.reached) == (0.65, False)


def test_a_goal_beside_a_peer_is_not_judged_without_the_peer():
    assert judge({"peers": {"1_a_message": {"ingest": {"events_per_s": 1}}}}) == []
    assert judge({"backlog": {"events_per_s": 1}}) == []


def test_less_is_better_where_the_goal_says_at_most():
    verdicts = judge({"latency": {"p99_ms": 299.9}, "peers": {"loss": {"ingest": {"killed": {"lost": 1}}}}})
    assert [(verdict.ours, verdict.reached) for verdict in verdicts] == [(1, False), (299.9, True)]


def test_every_goal_has_a_title_of_its_own():
    assert len({goal.title for goal in GOALS}) == len(GOALS)
