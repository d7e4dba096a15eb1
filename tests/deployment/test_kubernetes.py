"""The Kubernetes manifests: valid, complete, and in agreement with what the programs do."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from bus.front.desk import LIVE, READY
from tests.support.pki import pki
from tests.support.repository import ROOT

pytestmark = pytest.mark.slow

FOLDER = ROOT / "deploy/kubernetes"
OPERATORS = {"Cluster": "postgresql.cnpg.io/v1", "RabbitmqCluster": "rabbitmq.com/v1beta1"}
VERSIONS = ("1.28", "1.32")
FROM_OPERATORS = {"chiikibus-journal-app", "chiikibus-journal-ca"}
Manifest = dict[str, Any]


def documents(folder: Path) -> list[Manifest]:
    """Every manifest that a kustomization gathers, folders it names included; ConfigMaps as generated."""
    told = yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))
    found: list[Manifest] = []
    for name in told["resources"]:
        place = (folder / name).resolve()
        found += documents(place) if place.is_dir() else list(yaml.safe_load_all(place.read_text("utf-8")))
    for one in told.get("configMapGenerator", ()):
        data = {Path(name).name: (folder / name).read_text("utf-8") for name in one["files"]}
        found.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": one["name"]}, "data": data})
    return found


def example() -> list[Manifest]:
    """The manifests of the example."""
    return documents(FOLDER / "example")


def named(kind: str) -> dict[str, Manifest]:
    """The manifests of a kind by name."""
    return {one["metadata"]["name"]: one for one in example() if one["kind"] == kind}


def pods() -> dict[str, Manifest]:
    """The pod templates by the name of what makes them."""
    makers = named("Deployment") | named("StatefulSet")
    return {name: one["spec"]["template"] for name, one in makers.items()}


def sources(volume: Manifest) -> Iterator[tuple[str, str, list[Manifest]]]:
    """Kind, name and items of what a volume shows."""
    for part in volume.get("projected", {}).get("sources", [volume]):
        if "secret" in part:
            yield "Secret", part["secret"].get("name") or part["secret"]["secretName"], part["secret"].get("items", [])
        if "configMap" in part:
            yield "ConfigMap", part["configMap"]["name"], part["configMap"].get("items", [])


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_valid(version: str) -> None:
    """Against the published schemas, with no field that Kubernetes does not know; operators' own kinds by name."""
    for one in example():
        if one["kind"] in OPERATORS:
            assert one["apiVersion"] == OPERATORS[one["kind"]]
        else:
            kubernetes_validate.validate(one, version, strict=True)


def test_kustomize_renders_what_the_files_say() -> None:
    """Where kubectl is installed its own rendering has the same kinds and names, but for the hash of the settings."""
    if shutil.which("kubectl") is None:
        return  # the other tests read the files as kustomize does
    run = subprocess.run(["kubectl", "kustomize", FOLDER / "example"], capture_output=True, text=True, check=True)
    rendered = {
        (one["kind"], re.sub(r"(?<=-site)-\w+$", "", one["metadata"]["name"])) for one in yaml.safe_load_all(run.stdout)
    }
    assert rendered == {(one["kind"], one["metadata"]["name"]) for one in example()}


def test_every_reference_leads_somewhere() -> None:
    """Settings, secrets, claims and services that are named exist, or the README tells how to make them."""
    beforehand = set(re.findall(r"`(chiikibus-[a-z-]+)`", (FOLDER / "README.md").read_text("utf-8")))
    assert beforehand >= FROM_OPERATORS
    for name, pod in pods().items():
        for volume in pod["spec"]["volumes"]:
            for kind, wanted, _ in sources(volume):
                assert wanted in (named("ConfigMap") if kind == "ConfigMap" else beforehand), (name, wanted)
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            assert claim is None or claim in named("PersistentVolumeClaim")
    services = named("Service")
    site = named("ConfigMap")["chiikibus-site"]["data"]
    for host, port in re.findall(r"http://([a-z-]+):(\d+)/soap", site["endpoints.toml"]):
        assert services[host]["spec"]["ports"][0]["port"] == int(port)
        (selector,) = [services[host]["spec"]["selector"]]
        assert any(selector.items() <= pod["metadata"]["labels"].items() for pod in pods().values())


CREDENTIALS = {
    "chiikibus-credentials": ("990019-juki.key", "990019-tax.key"),
    "chiikibus-a-juki": ("990019-juki.key",),
    "chiikibus-b-tax": ("990019-tax.key", "b-tax-rest.token", "b-tax-face.token"),
}
"""What the README says that these secrets hold."""

BUS_LOADS = """
import sys
from pathlib import Path
from bus.core.config import load_site
load_site(Path(sys.argv[1]), need_secrets=True)
"""
ADAPTER_LOADS = """
import sys
from pathlib import Path
from adapters.host.process import load
load(Path(sys.argv[1]), sys.argv[2])
"""


def laid_out(name: str, pod: Manifest, base: Path) -> Path:
    """The site folder of a pod: the init container's own commands, run on what its volumes show."""
    data = named("ConfigMap")["chiikibus-site"]["data"]
    (init,) = pod["spec"]["initContainers"]
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    for mount in init["volumeMounts"]:
        place = base / mount["mountPath"].lstrip("/")
        place.mkdir(parents=True)
        for kind, wanted, items in sources(volumes[mount["name"]]):
            if kind == "ConfigMap":
                content = {key: text.encode() for key, text in data.items()}
            elif items:
                content = {item["path"]: pki().servers.pem if item["key"] == "ca.crt" else b"p" * 20 for item in items}
            else:
                content = {key: f"of {key}".encode() * 4 for key in CREDENTIALS[wanted]}
            for key, value in content.items():
                (place / key).write_bytes(value)
                (place / key).chmod(0o440)  # as a mounted secret is, for its group
    script = re.sub(r"(?<![\w/])/(site|given)", rf"{base}/\1", init["args"][0])
    subprocess.run([*init["command"], script], check=True)
    return base / "site"


def test_the_bus_loads_the_site_as_laid_out(tmp_path: Path) -> None:
    """A mounted secret is readable by its group, which the bus refuses; in the pod's own copy nothing is amiss."""
    site = laid_out("chiikibus", pods()["chiikibus"], tmp_path)
    run = subprocess.run([sys.executable, "-c", BUS_LOADS, site], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("name", ["a-juki", "b-tax"])
def test_an_adapter_loads_with_its_own_credentials_alone(name: str, tmp_path: Path) -> None:
    """Its pod holds neither the credential of another endpoint nor that of journal and broker, and lacks nothing."""
    site = laid_out(name, pods()[name], tmp_path)
    kept = sorted(path.name for path in (site / "secrets").iterdir())
    assert kept == sorted(CREDENTIALS[f"chiikibus-{name}"])
    run = subprocess.run([sys.executable, "-c", ADAPTER_LOADS, site, name], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_probes_ask_what_the_program_answers() -> None:
    """Paths and ports of the probes are those of the front; a standby may wait for its journal for days."""
    (container,) = pods()["chiikibus"]["spec"]["containers"]
    assert container["livenessProbe"]["httpGet"]["path"] == LIVE
    assert container["startupProbe"]["httpGet"]["path"] == LIVE
    assert container["readinessProbe"]["httpGet"]["path"] == READY
    assert container["startupProbe"]["periodSeconds"] * container["startupProbe"]["failureThreshold"] > 7 * 86_400
    site = named("ConfigMap")["chiikibus-site"]["data"]
    assert f':{container["ports"][0]["containerPort"]}"' in site["site.toml"]
    for name, pod in pods().items():
        if name != "chiikibus":
            (one,) = pod["spec"]["containers"]
            assert f':{one["ports"][0]["containerPort"]}"' in site["adapters.toml"]
            assert one["args"][-1] == name


def test_no_pod_may_do_more_than_it_must() -> None:
    """No root, no new privileges, no capability, nothing written but volumes, no cluster token, bounded memory."""
    for name, pod in pods().items():
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["securityContext"]["runAsNonRoot"] is True
        for one in (*spec["initContainers"], *spec["containers"]):
            allowed = one["securityContext"]
            assert allowed["allowPrivilegeEscalation"] is False
            assert allowed["readOnlyRootFilesystem"] is True
            assert allowed["capabilities"] == {"drop": ["ALL"]}
            assert "memory" in one["resources"]["limits"]


def test_nobody_is_reached_unless_a_policy_says_so() -> None:
    """Everything is denied first, and each kind of pod has a policy of its own."""
    policies = named("NetworkPolicy")
    first = policies["nothing-by-default"]["spec"]
    assert first["podSelector"] == {}
    assert set(first["policyTypes"]) == {"Ingress", "Egress"}
    assert "ingress" not in first
    assert "egress" not in first
    for pod in pods().values():
        labels = pod["metadata"]["labels"].items()
        assert any(
            one["spec"]["podSelector"].get("matchLabels", {"": ""}).items() <= labels for one in policies.values()
        )
