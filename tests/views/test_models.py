"""x."""
from pathlib import Path
import dlt
from chatislav_source.views.warehouse import make_views
from tests.views import golden


def test_try(tmp_path: Path) -> None:
    p = dlt.pipeline("t", destination=dlt.destinations.duckdb(str(tmp_path / "w.duckdb")), dataset_name="chatislav", pipelines_dir=str(tmp_path / "p"))
    golden.load(p, golden.tables())
    views = make_views(p, golden.TIMEZONE)
    print(views)
    with p.sql_client() as c:
        for m in views.made:
            print(m)
            with c.execute_query(f"select * from chatislav_models.{m} limit 3") as cur:
                print(cur.df().T.to_string() if False else cur.fetchall())
