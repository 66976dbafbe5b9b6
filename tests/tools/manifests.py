"""Documents of YAML told as JSON, those of Kubernetes only if its types, or KEDA's, know all that stands in them.

    manifests.py FILE...

prints an array of all documents, or says what is wrong with which, and ends with 1.
"""

import json
import sys
from importlib import import_module

from ruamel.yaml import YAML

# Where the type of a kind is. The package's version is the version of Kubernetes, or KEDA, that is meant.
MODULES = {
    "v1": "cloudcoil.models.kubernetes.core.v1",
    "apps/v1": "cloudcoil.models.kubernetes.apps.v1",
    "policy/v1": "cloudcoil.models.kubernetes.policy.v1",
    "keda.sh/v1alpha1": "cloudcoil.models.keda.v1alpha1",
}


def unknown(said, understood, place=""):
    """What was said and didn't come back: a type drops what it doesn't know."""
    if isinstance(said, dict) and isinstance(understood, dict):
        for key, value in said.items():
            if key not in understood:
                yield f"{place}.{key}"
            else:
                yield from unknown(value, understood[key], f"{place}.{key}")
    elif isinstance(said, list) and isinstance(understood, list):
        for index, (one, other) in enumerate(zip(said, understood)):
            yield from unknown(one, other, f"{place}[{index}]")


def judge(file, document):
    kind = getattr(import_module(MODULES[document["apiVersion"]]), document["kind"])
    understood = kind.model_validate(document).model_dump(mode="json", by_alias=True, exclude_unset=True)
    strange = list(unknown(document, understood))
    if strange:
        raise ValueError(f"{document['kind']} has no {', '.join(strange)}")


def documents(file):
    # It refuses a key that stands twice, as kubectl does.
    with open(file, encoding="utf-8") as text:
        for document in YAML(typ="safe").load_all(text):
            try:
                if "apiVersion" in document:
                    judge(file, document)
            except Exception as error:
                sys.exit(f"{file}: {error}")
            yield document


print(json.dumps([document for file in sys.argv[1:] for document in documents(file)]))
