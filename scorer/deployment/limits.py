"""The limits of a deployment's settings: those that the contracts enforce, and a few of ours."""

from typing import Final

from scorer.units import NANO_PER_NMR

DAY: Final = 86_400
MOST_SUPPLY: Final = 11_000_000 * NANO_PER_NMR
"""Numeraire.CAP, nano-NMR."""
LEAST_PUBLIC_MEMBERS: Final = 4
"""CommitteeSeals.LEAST_MEMBERS: the fewest whose quorum one can be missing from."""
MOST_MEMBERS: Final = 64
"""Equal to CommitteeMembers.MAX_MEMBERS."""
MOST_MEMBER_BOND: Final = 100_000 * NANO_PER_NMR
"""CommitteeMembers.MAX_MEMBER_BOND, nano-NMR."""
MOST_CHALLENGE_BOND: Final = 10_000 * NANO_PER_NMR
"""OracleCommittee.MAX_CHALLENGE_BOND, nano-NMR."""
LONGEST_CHALLENGE_WINDOW: Final = 7 * DAY
"""OracleCommittee.MAX_CHALLENGE_WINDOW, seconds."""
POLYGON: Final = 137
"""Chain id of Polygon PoS."""
SHORTEST_POLYGON_CHALLENGE: Final = DAY
"""A limit of ours, seconds: finality of Polygon stood for hours before."""
SHORTEST_DEMANDS_WINDOW: Final = 9 * 3600
"""A limit of ours, seconds: its last third must leave time for a proof in several transactions, the last one
two hours after its announcement, by what was answered right before that third began."""
SHORTEST_DISPUTE: Final = 30
"""OracleCommittee.MIN_DISPUTE_PERIOD, seconds."""
LEAST_ABSENCE_LIMIT: Final = 3
"""CommitteeSeals.MIN_ABSENCE_LIMIT, seals."""
MOST_ABSENCE_LIMIT: Final = 1000
"""A limit of ours, seals: with a higher one no absent member would ever be removed."""
LONGEST_DISPUTE: Final = 7 * DAY
"""OracleCommittee.MAX_DISPUTE_PERIOD, seconds."""
SHORTEST_LOCK_WINDOW: Final = 10
"""RoundSchedule.MIN_LOCK_WINDOW, seconds."""
LONGEST_LOCK_WINDOW: Final = 2 * DAY
"""RoundSchedule.MAX_LOCK_WINDOW, seconds."""
SHORTEST_WINDOW: Final = 1
"""RoundSchedule.MIN_WINDOW, seconds."""
LONGEST_NOTICE: Final = 7 * DAY
"""RoundSchedule.MAX_LEAST_NOTICE, seconds."""
LONGEST_FUNDING_GRACE: Final = 7 * DAY
"""RoundSchedule.MAX_FUNDING_GRACE, seconds."""
LONGEST_PAUSE: Final = 7 * DAY
"""BoundedPause.MAX_PAUSE, seconds."""
MOST_MINIMUM_POSITION: Final = 1000 * NANO_PER_NMR
"""Tournament.MAX_MIN_POSITION, nano-NMR."""
MOST_LANE_PRICE: Final = 10 * NANO_PER_NMR
"""StakeLedger.MAX_LANE_PRICE, nano-NMR."""
LONGEST_DELAY: Final = 90 * DAY
"""A limit of ours, seconds: a typing error here would leave a role that nobody can use."""
LOCAL_CHAINS: Final = (1337, 31_337)
"""Chain ids of development chains, where the deployer may keep the admin's role."""
