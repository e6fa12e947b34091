#!/usr/bin/env python3
"""Installs the package of a client into an empty project, and runs its examples there.

`install.py PACKAGES LANGUAGE`, below the harness. PACKAGES is what `make packages` wrote. Nothing of the
checkout is used but the examples, and the READMEs of Python and Ruby with their tests.
"""

from __future__ import annotations

import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable

HERE = pathlib.Path(__file__).parent
CLIENTS = HERE.parent
LICENSE = "Apache License"
NAMES = ("publish", "watch", "receiver")


def run(*command: str | pathlib.Path, cwd: pathlib.Path | None = None, **environment: str) -> str:
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True
    )
    if done.returncode != 0:
        raise SystemExit(f"{shlex.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def only(folder: pathlib.Path, pattern: str) -> pathlib.Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise SystemExit(f"{len(found)} files are {pattern} in {folder}, not one")
    return found[0]


def require_license(root: pathlib.Path) -> None:
    texts = (path.read_text(errors="replace") for path in root.rglob("LICENSE*") if path.is_file())
    if not any(LICENSE in text for text in texts):
        raise SystemExit(f"there is no license in {root}")


def python(packages: pathlib.Path, project: pathlib.Path) -> list[str]:
    run(sys.executable, "-m", "venv", project / "venv")
    interpreter = project / "venv/bin/python"
    pip = [interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # The sdist must build too; the wheel is what stays.
    run(*pip, "--no-deps", only(packages, "*.tar.gz"))
    run(*pip, "--force-reinstall", f"{only(packages, '*.whl')}[otel]", "pytest", "flask")
    require_license(next(project.glob("venv/lib/*/site-packages/tenterhook-*.dist-info")))
    # The repository's fakes come along; the package under test is the installed one.
    tests = CLIENTS / "python/tests"
    run(interpreter, "-m", "pytest", "-q", "-p", "no:cacheprovider", tests / "test_readme.py", cwd=project)
    return [f"{interpreter} {CLIENTS / 'python/examples' / name}.py" for name in NAMES]


def typescript(packages: pathlib.Path, project: pathlib.Path) -> list[str]:
    (project / "package.json").write_text('{"name": "empty", "version": "1.0.0", "type": "module", "private": true}')
    archive = only(packages, "*.tgz")
    development = ["typescript@5.9.3", "@types/node@20.19.0", "express@5.1.0", "@types/express@5.0.6"]
    run("npm", "install", "--no-audit", "--no-fund", "--silent", archive, *development, cwd=project)
    require_license(project / "node_modules/tenterhook")
    shutil.copytree(CLIENTS / "typescript/examples", project / "src")
    compiler = ["--module", "nodenext", "--target", "es2022", "--strict", "--skipLibCheck", "--outDir", "dist"]
    run("npx", "tsc", *compiler, *(f"src/{name}.ts" for name in NAMES), cwd=project)
    return [f"node {project / 'dist' / name}.js" for name in NAMES]


def go(packages: pathlib.Path, project: pathlib.Path) -> list[str]:
    proxy = f"file://{packages / 'go'},{run('go', 'env', 'GOPROXY').strip()}"
    module = "github.com/tenterhook/tenterhook/clients/go"
    environment = {"GOPROXY": proxy, "GONOSUMDB": module, "GOFLAGS": "-mod=mod", "GOMODCACHE": str(project / "modules")}
    shared = pathlib.Path(run("go", "env", "GOMODCACHE").strip())
    # What is downloaded already need not be again: the download cache is a proxy too.
    environment["GOPROXY"] = f"file://{packages / 'go'},file://{shared / 'cache/download'},{proxy.split(',', 1)[1]}"
    run("go", "mod", "init", "example.com/empty", cwd=project, **environment)
    for name in NAMES:
        shutil.copytree(CLIENTS / "go/examples" / name, project / name)
    run("go", "get", f"{module}@v0.1.0", cwd=project, **environment)
    require_license(project / "modules" / f"{module}@v0.1.0")
    (project / "bin").mkdir()
    run("go", "build", "-o", "bin", "./publish", "./watch", "./receiver", cwd=project, **environment)
    run("go", "clean", "-modcache", cwd=project, **environment)
    return [str(project / "bin" / name) for name in NAMES]


def rust(packages: pathlib.Path, project: pathlib.Path) -> list[str]:
    shutil.unpack_archive(only(packages, "*.crate"), project, "gztar")
    crate = only(project, "tenterhook-client-*")
    require_license(crate)
    run("cargo", "build", "--quiet", "--locked", "--examples", cwd=crate)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", crate / "target"))
    return [str(target / "debug/examples" / name) for name in NAMES]


def maven(packages: pathlib.Path, project: pathlib.Path, artifact: str, build: str, *goals: str) -> str:
    """Makes a project that depends on the artifact, and runs the goals; its class path."""
    repository = packages / "maven"
    # What an earlier build left there is not what is under test.
    shutil.rmtree(pathlib.Path.home() / ".m2/repository/io/tenterhook", ignore_errors=True)
    folder = next(repository.glob(f"io/tenterhook/{artifact}/*/"))
    for kind in ("", "-sources", "-javadoc"):
        archive = only(folder, f"{artifact}-*[0-9]{kind}.jar")
        if "META-INF/LICENSE" not in run("jar", "tf", archive) and kind == "":
            raise SystemExit(f"there is no license in {archive}")
    (project / "pom.xml").write_text(
        "<project><modelVersion>4.0.0</modelVersion><groupId>empty</groupId><artifactId>empty</artifactId>"
        f"<version>1</version><repositories><repository><id>packages</id><url>file://{repository}</url></repository>"
        f"</repositories><dependencies><dependency><groupId>io.tenterhook</groupId><artifactId>{artifact}"
        f"</artifactId><version>{folder.name}</version></dependency></dependencies>{build}</project>"
    )
    goal = "org.apache.maven.plugins:maven-dependency-plugin:2.8:build-classpath"
    run("mvn", "--batch-mode", "--quiet", *goals, goal, "-Dmdep.outputFile=classpath", cwd=project)
    return (project / "classpath").read_text().strip()


def java(packages: pathlib.Path, project: pathlib.Path) -> list[str]:
    classpath = maven(packages, project, "tenterhook-client", "")
    examples = CLIENTS / "java/examples"
    return [f"java -cp {classpath} {examples / name}.java" for name in ("Publish", "WatchDeliveries", "Receiver")]


def kotlin(packages: pathlib.Path, project: pathlib.Path) -> list[str]:
    shutil.copytree(CLIENTS / "kotlin/examples", project / "src")
    build = (
        "<build><sourceDirectory>src</sourceDirectory><plugins><plugin><groupId>org.jetbrains.kotlin</groupId>"
        "<artifactId>kotlin-maven-plugin</artifactId><version>2.1.21</version><executions><execution><goals>"
        "<goal>compile</goal></goals></execution></executions></plugin></plugins></build>"
    )
    classpath = maven(packages, project, "tenterhook-client-kotlin", build, "compile")
    java = f"java -cp {project / 'target/classes'}:{classpath}"
    return [f"{java} {name}Kt" for name in ("publish.Publish", "watch.WatchDeliveries", "receiver.Receiver")]


def ruby(packages: pathlib.Path, project: pathlib.Path) -> list[str]:
    home = project / "gems"
    # What the gem depends on is the system's.
    run("gem", "install", "--local", "--quiet", "--no-document", only(packages, "*.gem"), GEM_HOME=str(home))
    installed = only(home / "gems", "tenterhook-*")
    require_license(installed)
    run("ruby", CLIENTS / "ruby/test/test_readme.rb", cwd=project, GEM_HOME=str(home))
    return [f"env GEM_HOME={home} ruby {installed / 'examples' / name}.rb" for name in NAMES]


LANGUAGES: dict[str, Callable[[pathlib.Path, pathlib.Path], list[str]]] = {
    "python": python, "typescript": typescript, "go": go, "rust": rust, "java": java,
    "kotlin": kotlin, "ruby": ruby,
}


def main(packages: pathlib.Path, language: str) -> None:
    with tempfile.TemporaryDirectory(prefix=f"tenterhook-{language}-") as folder:
        print(f"{language}: into an empty project", flush=True)
        commands = LANGUAGES[language](packages, pathlib.Path(folder))
        print(run(sys.executable, CLIENTS / "conformance/examples.py", *commands), flush=True)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]).resolve(), sys.argv[2])
