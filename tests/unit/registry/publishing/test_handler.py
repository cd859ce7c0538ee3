"""The zip of the function's code: all that it imports is in it, or among the packages that the function names."""

import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

from include.registry.publishing.handler import HANDLER_MODULE, handler_archive
from include.registry.publishing.packages import PACKAGES

ALONE = """
import importlib.metadata, re, sys, types

class Refuser:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in allowed and top not in sys.stdlib_module_names and top in installed:
            raise ImportError(f"{name} is of no package that the function names")

def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()

installed = importlib.metadata.packages_distributions()
todo, wanted = list(sys.argv[2:]), set()
while todo:
    name = canonical(re.match(r"[A-Za-z0-9._-]+", todo.pop())[0])
    if name not in wanted:
        wanted.add(name)
        try:
            needed = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        todo += [text for text in needed if "extra ==" not in text]
allowed = {top for top, names in installed.items() if wanted & set(map(canonical, names))} | {"include"}
files = types.ModuleType("snowflake.snowpark.files")
files.SnowflakeFile = None
for name in ("snowflake", "snowflake.snowpark"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["snowflake.snowpark.files"] = files
sys.meta_path.insert(0, Refuser())
sys.path.insert(0, sys.argv[1])
import MODULE as handler
print(handler.__file__, handler.classify._sf_max_batch_size)
""".replace("MODULE", HANDLER_MODULE)


def test_the_handler_is_imported_from_the_zip_alone_with_the_packages_that_the_function_names(tmp_path: Path) -> None:
    archive = tmp_path / handler_archive().name
    archive.write_bytes(handler_archive().content)
    named = [name for name in PACKAGES.values() if name]

    done = subprocess.run(
        [sys.executable, "-I", "-c", ALONE, str(archive), *named],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )

    assert done.stderr == ""
    assert done.stdout.split() == [f"{archive}/{HANDLER_MODULE.replace('.', '/')}.py", "64"]


def test_the_same_code_makes_the_same_zip_whose_name_says_what_is_in_it() -> None:
    first = handler_archive()
    handler_archive.cache_clear()

    assert handler_archive() == first
    assert first.digest in first.name
    with zipfile.ZipFile(BytesIO(first.content)) as archive:
        names = archive.namelist()
    assert "include/images/decode.py" in names
    # what a function has no business with: configuration, connections, passwords
    assert not [name for name in names if "warehouse" in name or "config.py" in name or "notify" in name]
