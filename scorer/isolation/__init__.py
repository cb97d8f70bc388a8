"""Untrusted files are read in a child process with limits: what happens there happens to that file alone.

`IsolatedReader.run` calls a named function on the bytes or the path of an untrusted file in a process of its
own. That process is forked anew for each call from a *zygote*: a fresh, single-threaded interpreter that has
imported the function's module and what it declares, holds none of the caller's memory, secrets or threads,
and has never seen an untrusted byte. So a file that takes its reader over gains nothing over the next file or
over the caller.

Measured (benchmarks/submissions): a fork from a zygote with numpy and pyarrow, the pages that it copies, and
its end take 8 to 10 ms of CPU time beside the 11 to 15 ms of reading a submission of 6,000 ids, and as many
files are read at once as there are cores. Keeping a worker for many files would save those, but then one file
that takes it over decides what is read from all later ones, looking all the while like a good one; hence a
fork a file, rather than a worker that is replaced after a suspicious one.

The child is limited in memory, CPU time, wall time and the size of its answer; it writes no file, opens no
socket, starts no process, dumps no core (see `scorer.isolation.confinement`). What it says is JSON and raw
bytes of declared sizes, and is never unpickled. Whatever else comes of it is one `IsolationError`.

It needs Linux. The network filter needs x86-64 or arm64; elsewhere the limits alone hold.
"""

from scorer.isolation.answers import IsolationError as IsolationError
from scorer.isolation.answers import IsolationReason as IsolationReason
from scorer.isolation.answers import ReadResult as ReadResult
from scorer.isolation.answers import imports as imports
from scorer.isolation.answers import refuses as refuses
from scorer.isolation.limits import ReadLimits as ReadLimits
from scorer.isolation.reader import SHARED_READER as SHARED_READER
from scorer.isolation.reader import InProcessReader as InProcessReader
from scorer.isolation.reader import IsolatedReader as IsolatedReader
from scorer.isolation.reader import PreparedRead as PreparedRead
from scorer.isolation.zygote_process import IsolationUnavailable as IsolationUnavailable
