"""Makes the Python client of the contract: the package meshwork, beside this file, from proto/.

protoc names Python's modules after the packages of the contract, and Python itself has a module
called platform. So all of them go into one package, and import each other from there.
"""

import re
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

here = Path(__file__).resolve().parent
root = here.parent.parent
out = here / "meshwork"
third_party = root / "third_party"
sources = [root / "proto", third_party / "protovalidate", third_party / "googleapis"]
well_known = Path(grpc_tools.__file__).parent / "_proto"


def main() -> None:
    out.mkdir(exist_ok=True)
    includes = [f"-I{folder}" for folder in (*sources, well_known)]
    kinds = [f"--{kind}_out={out}" for kind in ("python", "pyi", "grpc_python")]
    files = [str(file) for folder in sources for file in folder.rglob("*.proto")]
    if protoc.main(["protoc", *includes, *kinds, *files]) != 0:
        raise SystemExit("protoc failed")

    made = [file for file in out.rglob("*_pb2*.py*") if file.suffix in (".py", ".pyi")]
    packages = {".".join(file.parent.relative_to(out).parts) for file in made}
    names = "|".join(re.escape(package) for package in packages)
    for file in made:
        text = file.read_text()
        file.write_text(re.sub(rf"(?m)^from ({names}) import", r"from meshwork.\1 import", text))
    print(f"{len(files)} files of the contract are now {out}")


main()
