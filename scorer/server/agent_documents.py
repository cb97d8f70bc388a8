"""GraphQL documents that agents' tools ask, each with one root."""

from typing import Final

RECORD: Final = (
    "query ($n: Int!) { roundRecord(number: $n) { number state openTime closeTime resolveTime rulesHash "
    "universeDigest submissionsRoot positionsHead capPpm payoutFactorPpm threshold minimumPosition atRisk "
    "validAtRisk paid burned isScored url } }"
)
ROUNDS: Final = (
    "query ($l: Int, $s: RoundStatus) { rounds(limit: $l, status: $s) { number status openTime closeTime "
    "resolveTime target payoutFactor stakeThreshold } }"
)
BOARD: Final = (
    "query ($l: Int!, $o: Int!) { v2Leaderboard(limit: $l, offset: $o) { rank username nmrStaked corr20Rep "
    "mmcRep "
    "fncRep tcRep return1Day return13Weeks return52Weeks } }"
)
PROFILE: Final = (
    "query ($m: String) { v3UserProfile(modelName: $m) { id username bio startDate nmrStaked stakeValue } }"
)
SCORES: Final = (
    "query ($m: ID!, $n: Int) { submissionScores(modelId: $m, lastNRounds: $n) { roundNumber displayName "
    "value "
    "percentile resolveDate } }"
)
EXPLANATION: Final = (
    "query ($m: String!, $r: Int!) { explanation(modelId: $m, roundNumber: $r) { roundNumber modelId "
    "position "
    "rewardScorePpm ratePpm payout burn net steps { reason detail nmr } } }"
)
ACCOUNT: Final = "{ account { username walletAddress availableNmr models { id name } } }"
SUBMISSIONS: Final = (
    "query ($m: String) { submissions(modelId: $m) { id filename insertedAt selected state reason "
    "contentHash "
    "round { number } receipt { receivedAt signer signature } } }"
)
DIAGNOSTICS: Final = (
    "query ($m: String!, $i: String) { diagnostics(modelId: $m, id: $i) { status message updatedAt "
    "validationCorrMean validationCorrSharpe validationMaxDrawdown validationMmcMean validationMmcSharpe "
    "validationFncV4Mean validationFeatureCorrMax examplePredsCorrMean validationApy validationAutocorr } }"
)
DIAGNOSE: Final = (
    "mutation ($f: String!, $t: Int!, $m: String) { createDiagnostics(filename: $f, tournament: $t, "
    "modelId: $m) "
    "{ id } }"
)
UPLOAD: Final = (
    "query ($f: String!, $t: Int!, $m: String) { submissionUploadAuth(filename: $f, tournament: $t, "
    "modelId: $m) "
    "{ filename url } }"
)
STATUS: Final = "query ($f: String!) { uploadStatus(filename: $f) { size sha256 problem } }"
SUBMIT: Final = (
    "mutation ($f: String!, $t: Int!, $m: String, $h: String, $r: Int) { createSubmission(filename: $f, "
    "tournament: $t, modelId: $m, sha256: $h, roundNumber: $r) { id } }"
)
