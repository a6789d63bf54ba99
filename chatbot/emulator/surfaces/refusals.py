"""Requests that are refused, in the words and shapes of each service."""

from starlette.responses import PlainTextResponse, Response

from chatbot.emulator.replies import json_reply


class RefusedError(Exception):
    """A request that is refused; `reply` says so to the client."""

    def __init__(self, reply: Response) -> None:
        super().__init__(reply.status_code)
        self.reply = reply


# A body that cannot be used, as each kind of server says it.


def serverless_complaint(message: str) -> Response:
    """Return the refusal of a serverless deployment."""
    return json_reply({"error": {"code": "invalid_request", "message": message}}, 400)


def vllm_complaint(message: str) -> Response:
    """Return the refusal of a vLLM container."""
    return _vllm(message, "BadRequestError", 400)


def azure_complaint(message: str) -> Response:
    """Return the refusal of Azure OpenAI."""
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return json_reply({"error": error}, 400)


# Parameters, models and addresses.


def unsupported_parameter(name: str, instead: str = "") -> RefusedError:
    """Return what a reasoning model of Azure OpenAI says to a parameter that it does not take."""
    hint = f" Use '{instead}' instead." if instead else ""
    message = f"Unsupported parameter: '{name}' is not supported with this model.{hint}"
    return _azure(message, name, "unsupported_parameter")


def unsupported_value(name: str, value: object, default: int) -> RefusedError:
    """Return what it says to a value that it does not take."""
    message = (
        f"Unsupported value: '{name}' does not support {value} with this model. "
        f"Only the default ({default}) value is supported."
    )
    return _azure(message, name, "unsupported_value")


def extra_parameters(names: list[str]) -> RefusedError:
    """Return the refusal of parameters that the Model Inference API does not know."""
    return _detail(
        f"Extra parameters {names} are not allowed when extra-parameters is not set or set to be 'error'. "
        "Set extra-parameters to 'pass-through' to pass to the model."
    )


def extra_parameters_option(option: str) -> RefusedError:
    """Return the refusal of an `extra-parameters` header."""
    options = "['error', 'drop', 'pass-through']"
    return _detail(f"Unexpected EXTRA_PARAMETERS option {option}, expected options are {options}")


def no_vllm_model(model: str) -> RefusedError:
    """Return what a vLLM container says to a model that it does not serve."""
    return RefusedError(_vllm(f"The model `{model}` does not exist.", "NotFoundError", 404))


def no_model_name() -> RefusedError:
    """Return what the Model Inference API of a resource says to a body without a model."""
    message = "No model specified in request. Please provide a model name in the request body."
    error = {"code": "no_model_name", "message": message, "details": message}
    return RefusedError(json_reply({"error": error}, 400, {"x-ms-error-code": "no_model_name"}))


def unknown_model(model: str) -> RefusedError:
    """Return what the Model Inference API of a resource says to a model that is not deployed."""
    error = {"code": "unknown_model", "message": f"Unknown model: {model}", "details": None}
    return RefusedError(json_reply({"error": error}, 400, {"x-ms-error-code": "unknown_model"}))


def no_deployment() -> RefusedError:
    """Return what Azure OpenAI says to a deployment that does not exist."""
    message = (
        "The API deployment for this resource does not exist. If you created the deployment within the last "
        "5 minutes, please wait a moment and try again."
    )
    return RefusedError(json_reply({"error": {"code": "DeploymentNotFound", "message": message}}, 404))


def api_version_not_supported() -> RefusedError:
    """Return what Azure says to an `api-version` that is none."""
    return RefusedError(json_reply({"error": {"code": "BadRequest", "message": "API version not supported"}}, 400))


def resource_not_found() -> Response:
    """Return what Azure OpenAI says to an address that it does not know; a missing `api-version` is such an address."""
    return json_reply({"error": {"code": "404", "message": "Resource not found"}}, 404)


def container_not_found(status: int = 404) -> Response:
    """Return what a container says to an address that it does not know, itself or through its front."""
    headers = {"ms-azureml-model-error-reason": "model_error", "ms-azureml-model-error-statuscode": "404"}
    return PlainTextResponse("NOT FOUND", status, headers)


def _azure(message: str, param: str, code: str) -> RefusedError:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return RefusedError(json_reply({"error": error}, 400))


def _detail(message: str) -> RefusedError:
    return RefusedError(json_reply({"detail": message}, 400))


def _vllm(message: str, kind: str, status: int) -> Response:
    body = {"object": "error", "message": message, "type": kind, "param": None, "code": status}
    return json_reply(body, status)
