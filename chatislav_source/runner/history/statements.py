"""The SQL that finds new versions of rows and records them.

It compares the rows of a table with their newest version in its history. A row is a new version if
a tracked column has another value and the row was read later than the newest version began. So a
row that is written again with the same values is none, nor is an old row that an interrupted load
package brings back. One MERGE ends the former version and adds the new one: a kill leaves both
undone, and a repetition finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chatislav_source.destinations.merging.statements import marks
from chatislav_source.records.history.table import VALID_FROM, VALID_TO, History
from chatislav_source.records.schema import LOAD_ID, SYNCED_AT, Column

# A table may have a row twice, if two runs have loaded it at once: the one read last counts.
NEW_VERSIONS = """
SELECT * FROM (
  SELECT {rows}, h.valid_from AS former_from,
    ROW_NUMBER() OVER (PARTITION BY {row_keys} ORDER BY r.synced_at DESC) AS place
  FROM {table} r LEFT JOIN {history} h ON {same_keys} AND h.valid_to IS NULL
  WHERE r.bot_id IN ({bots}) AND r.synced_at IS NOT NULL {loads}
    AND (h.valid_from IS NULL OR (r.synced_at > h.valid_from AND ({differs})))
) found WHERE place = 1
"""
COUNT = "SELECT COUNT(*) FROM ({new_versions}) n"
RECORD = """
MERGE INTO {history} t USING (
  SELECT {values},
    CASE WHEN k.is_new = 1 THEN n.synced_at ELSE n.former_from END AS valid_from,
    CASE WHEN k.is_new = 1 THEN NULL ELSE n.synced_at END AS valid_to
  FROM ({new_versions}) n CROSS JOIN (SELECT 1 AS is_new UNION ALL SELECT 0 AS is_new) k
  WHERE k.is_new = 1 OR n.former_from IS NOT NULL
) s ON {same} AND t.valid_from = s.valid_from
WHEN MATCHED THEN UPDATE SET valid_to = s.valid_to
WHEN NOT MATCHED THEN INSERT ({columns}) VALUES ({inserted})
"""


@dataclass(frozen=True)
class Statements:
    """The statements for one history; those of `parameters` are its values, in order.

    `columns` are the tracked ones that both tables have. `json_text` is the SQL for the text of a
    JSON `{column}`, as not every warehouse compares JSON.
    """

    history: History
    table_name: str
    history_name: str
    columns: Sequence[Column]
    json_text: str

    def count(self, bot_ids: Sequence[int], load_ids: Sequence[str] | None) -> str:
        """The query for the number of new versions."""
        return COUNT.format(new_versions=self._new_versions(bot_ids, load_ids))

    def record(self, bot_ids: Sequence[int], load_ids: Sequence[str] | None) -> str:
        """The statement that records the new versions."""
        keys = self.history.of.keys
        names = [*self._copied, VALID_FROM.name, VALID_TO.name]
        return RECORD.format(
            history=self.history_name,
            new_versions=self._new_versions(bot_ids, load_ids),
            values=", ".join(f"n.{name} AS {name}" for name in self._copied),
            same=" AND ".join(f"t.{key} = s.{key}" for key in keys),
            columns=", ".join(names),
            inserted=", ".join(f"s.{name}" for name in names),
        )

    @property
    def _copied(self) -> list[str]:
        """The columns that both tables have."""
        left_out = {column.name for column in self.history.tracked} - {
            column.name for column in self.columns
        }
        own = {VALID_FROM.name, VALID_TO.name}
        names = [column.name for column in self.history.table.columns]
        return [name for name in names if name not in left_out | own]

    def _new_versions(self, bot_ids: Sequence[int], load_ids: Sequence[str] | None) -> str:
        """The query for rows that are new versions; `load_ids` None: of any load."""
        keys = self.history.of.keys
        loads = "" if load_ids is None else f"AND r.{LOAD_ID.name} IN ({marks(load_ids)})"
        return NEW_VERSIONS.format(
            rows=", ".join(f"r.{name} AS {name}" for name in [*self._copied, SYNCED_AT.name]),
            row_keys=", ".join(f"r.{key}" for key in keys),
            same_keys=" AND ".join(f"h.{key} = r.{key}" for key in keys),
            table=self.table_name,
            history=self.history_name,
            bots=marks(bot_ids),
            loads=loads,
            differs=" OR ".join(map(self._differs, self.columns)),
        )

    def _differs(self, column: Column) -> str:
        values = [f"{side}.{column.name}" for side in "rh"]
        if column.data_type == "json":
            values = [self.json_text.format(column=value) for value in values]
        return " IS DISTINCT FROM ".join(values)


def parameters(bot_ids: Sequence[int], load_ids: Sequence[str] | None) -> list[int | str]:
    """The values of the placeholders of both statements."""
    return [*bot_ids, *(load_ids or ())]


def shared_columns(
    history: History, stored: Mapping[str, Mapping[str, object]]
) -> tuple[Column, ...]:
    """The tracked columns that both tables have; by table, `stored` has the names of columns.

    A table that is not in `stored` is taken to have all. After an upgrade a table gets a new column
    with its next rows.
    """
    return tuple(
        column
        for column in history.tracked
        if all(
            column.name in stored[table.name]
            for table in (history.of, history.table)
            if table.name in stored
        )
    )
