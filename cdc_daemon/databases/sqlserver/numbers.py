"""Which of SQL Server's error numbers mean what to us. Text and numbers only."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

UNAVAILABLE = frozenset(
    {
        # the network
        *(26, 53, 64, 121, 233, 258, 10053, 10054, 10060, 10061, 11001),
        # the server: paused, starting, upgrading, shutting down; our session was killed
        *(17142, 17187, 17188, 17189, 18401, 6001, 6005, 596),
        # the database: recovering, restoring, offline, in transition; a replica that is not read
        *(921, 922, 924, 927, 942, 945, 952, 976, 978, 979, 982, 983, 988, 4221, 35250),
        # Azure SQL: moving, not available, starting
        *(40143, 40166, 40197, 40540, 40613, 42108, 42109),
        # FreeTDS: not reached, timed out, read, write, end of file, gone
        *(20002, 20003, 20004, 20006, 20009, 20013, 20017, 20047),
    }
)
CONFLICT = frozenset(
    {
        # deadlock, lock timeout, locks used up
        *(1204, 1205, 1222),
        # snapshots: update conflict, changed columns, versions that are gone, tempdb full
        *(3958, 3960, 3961, 3966, 3967, 41302, 41305, 41325),
        # space: log, file group, database
        *(9002, 1105, 1101, 40544),
        # memory and workers
        *(701, 802, 8628, 8645, 8651, 41839),
        # Azure SQL: throttled
        *(10928, 10929, 10936, 40501, 40550, 40551, 40552, 40553, 49918, 49919, 49920),
        # a scan that was overtaken by moving rows
        601,
    }
)
VALUE = frozenset(
    {
        # a value that does not fit its column, or cannot be cast to its type
        *(220, 241, 242, 245, 248, 295, 2628, 8114, 8115, 8152, 8169, 9420, 9803),
        # the same in a bulk copy
        *(4815, 4863, 4864, 4865, 4867, 7339),
    }
)
ACCESS = frozenset(
    {
        # logins
        *(4060, 4064, 18450, 18452, 18456, 18458, 18461, 18462, 18463, 18464, 18465, 18466),
        *(18467, 18468, 18470, 18471, 18486, 18487, 18488),
        # permissions
        *(229, 230, 262, 297, 300, 371, 916, 15151, 15247),
        # Azure SQL's firewall
        *(40532, 40615, 40914),
    }
)

_LOGIN = "Check user and password of the connection."
_DATABASE = "Check `database:` of the connection, and that its user may enter it."
_GRANT = "Grant what is missing; README lists the grants the daemon needs."
_FULL = "The database is full; nothing was written."
_THROTTLED = "The server has too much to do; it is tried again by itself."
_TWICE = (
    "Nothing was written. Two rows have one key: something else writes into the history, or "
    "the key is not unique."
)
_LONG = "Nothing was written. A value is longer than its column in the target: widen the column."
_NUMBER = "Nothing was written. A value does not fit the type of its column: compare the types."

REMEDIES: Mapping[int, str] = MappingProxyType(
    {
        **dict.fromkeys((18456, 18452, 18470, 18486, 18487, 18488), _LOGIN),
        **dict.fromkeys((4060, 4064, 916), _DATABASE),
        **dict.fromkeys((229, 230, 262, 297, 300, 371, 15151, 15247), _GRANT),
        **dict.fromkeys((40532, 40615, 40914), "Open the server's firewall for this address."),
        1205: "Another session was in the way; it is tried again by itself.",
        1222: "Something holds a lock on the table; it is tried again by itself.",
        3961: "The table's columns changed while it was read; it is tried again by itself.",
        3952: "Set ALLOW_SNAPSHOT_ISOLATION ON for the database.",
        **dict.fromkeys((9002, 1105, 1101, 40544), _FULL),
        **dict.fromkeys((701, 8645, 8651, 10928, 10929, 40501, 49918, 49919, 49920), _THROTTLED),
        **dict.fromkeys((2601, 2627, 1505), _TWICE),
        **dict.fromkeys((8152, 2628), _LONG),
        **dict.fromkeys((245, 8114, 8115, 220, 241, 242), _NUMBER),
        515: "Nothing was written. A column of the target takes no NULL: make it nullable.",
        547: "Nothing was written. A constraint of the target refused a row: drop it there.",
        1934: "A session's SET options were changed: remove what changes them at the server.",
        3906: "The database is read-only: check `host:` and `application_intent:`.",
        208: "Check schema and name (case may count) and the SELECT permission of the user.",
    }
)
