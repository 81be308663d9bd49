"""The readers' pages: what is copied from them works, and their links lead somewhere."""

import re
from pathlib import Path

import pytest

from edge_agent import config
from edge_agent.readers import READERS
from plumbline.command.docs_readers import in_gateway_file, reader_page

PAGES = Path(__file__).parents[3] / "docs" / "readers"
HEAD = 'site = "s"\ngateway = "g"\n[server]\nbrokers = ["mqtt://127.0.0.1"]\n'


@pytest.mark.parametrize("name", READERS)
def test_the_sample_of_a_page_is_copied_into_a_gateways_file_as_it_stands(name: str, tmp_path: Path) -> None:
    [sample] = re.findall(r"^```toml\n(\[\[reader\]\]\n.*?)^```", reader_page(name), re.MULTILINE | re.DOTALL)
    path = tmp_path / "gateway.toml"
    path.write_text(HEAD + sample + sample.replace('name = "', 'name = "second-', 1))  # several readers stand in one file
    assert [reader.type for reader in config.load(path).readers] == [name, name]


@pytest.mark.parametrize("name", READERS)
def test_the_links_of_a_page_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\((?!http|#)([^)#]+)", reader_page(name))
    assert [link for link in links if not (PAGES / link).exists()] == []


def test_tables_of_a_sample_become_the_readers_own_and_arrays_stay() -> None:
    sample = 'a = [\n    "[x]",\n]\n# b = [1, 2]\n[line]  # what it writes\n[[devices]]\n# [metrics.load]\n[metrics."a b"]\n'
    wanted = (
        '[[reader]]\na = [\n    "[x]",\n]\n# b = [1, 2]\n[reader.line]  # what it writes\n[[reader.devices]]\n'
        '# [reader.metrics.load]\n[reader.metrics."a b"]\n'
    )
    assert in_gateway_file(sample) == wanted
