"""Each combination of the chart's switches is what three versions of Kubernetes take, and fits together."""

from collections.abc import Sequence

import pytest
from kubernetes_validate.utils import ValidationError, validate

from tests.deploy.combinations import combinations, rendered
from tests.deploy.helm import Document, Values, at, container, parse

VERSIONS = ("1.29", "1.33", "1.37")
FOREIGN = {"ServiceMonitor"}  # of Prometheus Operator: Kubernetes has no schema of it
PODS = ("Deployment", "StatefulSet")
Rendered = list[tuple[Values, list[str]]]
pytestmark = pytest.mark.timeout(400)


# Every seventh has each value of each switch beside each value of each other one: 7 divides no number of values.
@pytest.fixture(scope="module", params=[7, pytest.param(1, marks=pytest.mark.overnight)], ids="each {}".format)
def all_rendered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    return list(rendered(combinations()[:: request.param], tmp_path_factory.mktemp("charts")))


def test_each_document_of_each_combination_fits_the_schemas_of_three_versions(all_rendered: Rendered) -> None:
    different = {text for _, texts in all_rendered for text in texts}
    kinds = set()
    for document in map(parse, different):
        kinds.add(document["kind"])
        if document["kind"] not in FOREIGN:
            for version in VERSIONS:
                validate(document, version, strict=True)
    assert kinds == FOREIGN | {
        *PODS,
        "Service",
        "Ingress",
        "HorizontalPodAutoscaler",
        "PodDisruptionBudget",
        "PersistentVolumeClaim",
        "NetworkPolicy",
    }


def test_a_document_that_kubernetes_would_refuse_is_found() -> None:
    metadata = {"name": "a"}
    specs: list[Document] = [{"minAvailable": []}, {"maxUnavailabel": 1}]
    for spec in specs:
        budget = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata, "spec": spec}
        for version in VERSIONS:
            with pytest.raises(ValidationError):
                validate(budget, version, strict=True)


def test_the_documents_of_each_combination_fit_together(all_rendered: Rendered) -> None:
    for values, texts in all_rendered:
        documents = [parse(text) for text in texts]
        names = [(document["kind"], at(document, "metadata", "name")) for document in documents]
        assert len(names) == len(set(names))
        for document in documents:
            assert missing_parts(document, documents, values) == [], (values, names)


def missing_parts(document: Document, documents: Sequence[Document], values: Values) -> list[object]:
    """Return the labels, ports, volumes and objects that a document names and no other one has."""
    spec = document["spec"]
    pods = [at(other, "spec", "template", "metadata", "labels") for other in documents if other["kind"] in PODS]
    match document["kind"]:
        case "Deployment" | "StatefulSet":
            volumes = [at(volume, "name") for volume in as_list(at(spec, "template", "spec", "volumes"))]
            volumes += [at(claim, "metadata", "name") for claim in as_list(at(spec, "volumeClaimTemplates"))]
            claims = [
                at(each, "persistentVolumeClaim", "claimName")
                for each in as_list(at(spec, "template", "spec", "volumes"))
            ]
            own = [at(each, "metadata", "name") for each in documents if each["kind"] == "PersistentVolumeClaim"]
            mounted = [at(mount, "name") for mount in as_list(container(document)["volumeMounts"])]
            return [
                *(() if matches(at(spec, "selector", "matchLabels"), pods) == 1 else ("pods",)),
                *(name for name in mounted if name not in volumes),
                *(name for name in volumes if name not in mounted),
                *(name for name in claims if name not in (None, *own, at(values, "downloads", "existingClaim"))),
            ]
        case "Service":
            labels = at(spec, "selector")
            ports = {
                at(port, "name")
                for other in documents
                if other["kind"] in PODS and matches(labels, [at(other, "spec", "template", "metadata", "labels")])
                for port in as_list(container(other)["ports"])
            }
            return [port for port in as_list(at(spec, "ports")) if at(port, "targetPort") not in ports]
        case "PodDisruptionBudget":
            return [] if matches(at(spec, "selector", "matchLabels"), pods) == 1 else ["pods"]
        case "NetworkPolicy":
            return [] if matches(at(spec, "podSelector", "matchLabels"), pods) == 1 else ["pods"]
        case "HorizontalPodAutoscaler":
            target = at(spec, "scaleTargetRef", "name")
            scaled = [
                each for each in documents if each["kind"] == "Deployment" and at(each, "metadata", "name") == target
            ]
            return [] if scaled and at(scaled[0], "spec", "replicas") is None else ["a Deployment without replicas"]
        case "Ingress":
            service = at(spec, "rules", 0, "http", "paths", 0, "backend", "service", "name")
            return [] if service in names_of("Service", documents) else [service]
        case "ServiceMonitor":
            services = [at(other, "metadata", "labels") for other in documents if other["kind"] == "Service"]
            return [] if matches(at(spec, "selector", "matchLabels"), services) == 1 else ["Service"]
    return []


def matches(selector: object, labels: Sequence[object]) -> int:
    """Count the labels that have all of the selector."""
    assert isinstance(selector, dict) and selector
    return sum(isinstance(each, dict) and selector.items() <= each.items() for each in labels)


def names_of(kind: str, documents: Sequence[Document]) -> list[object]:
    return [at(document, "metadata", "name") for document in documents if document["kind"] == kind]


def as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
