"""The error responses of the services, in the words and shapes of each."""

from starlette.responses import PlainTextResponse, Response

from chatbot.emulator.services.responses import json_response


class ServiceError(Exception):
    """A request that is refused; `response` is what the client gets."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


def serverless_bad_request(message: str) -> Response:
    """Return the error of a serverless deployment for a body that cannot be used."""
    return json_response({"error": {"code": "invalid_request", "message": message}}, 400)


def vllm_bad_request(message: str) -> Response:
    """Return the error of a vLLM container for a body that cannot be used."""
    return _vllm(message, "BadRequestError", 400)


def azure_bad_request(message: str) -> Response:
    """Return the error of Azure OpenAI for a body that cannot be used."""
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return json_response({"error": error}, 400)


def unsupported_parameter(name: str, instead: str = "") -> ServiceError:
    """Return the error of a reasoning model of Azure OpenAI for a parameter that it does not take."""
    hint = f" Use '{instead}' instead." if instead else ""
    message = f"Unsupported parameter: '{name}' is not supported with this model.{hint}"
    return _azure(message, name, "unsupported_parameter")


def unsupported_value(name: str, value: object, default: int) -> ServiceError:
    """Return the error of a reasoning model of Azure OpenAI for a value that it does not take."""
    message = (
        f"Unsupported value: '{name}' does not support {value} with this model. "
        f"Only the default ({default}) value is supported."
    )
    return _azure(message, name, "unsupported_value")


def extra_parameters(names: list[str]) -> ServiceError:
    """Return the error for parameters that the Model Inference API does not know."""
    return _detail(
        f"Extra parameters {names} are not allowed when extra-parameters is not set or set to be 'error'. "
        "Set extra-parameters to 'pass-through' to pass to the model."
    )


def extra_parameters_option(option: str) -> ServiceError:
    """Return the error for an unknown value of the header `extra-parameters`."""
    options = "['error', 'drop', 'pass-through']"
    return _detail(f"Unexpected EXTRA_PARAMETERS option {option}, expected options are {options}")


def no_vllm_model(model: str) -> ServiceError:
    """Return the error of a vLLM container for a model that it does not serve."""
    return ServiceError(_vllm(f"The model `{model}` does not exist.", "NotFoundError", 404))


def no_model_name() -> ServiceError:
    """Return the error of the Model Inference API of a resource for a body without a model."""
    message = "No model specified in request. Please provide a model name in the request body."
    error = {"code": "no_model_name", "message": message, "details": message}
    return ServiceError(json_response({"error": error}, 400, {"x-ms-error-code": "no_model_name"}))


def unknown_model(model: str) -> ServiceError:
    """Return the error of the Model Inference API of a resource for a model that is not deployed."""
    error = {"code": "unknown_model", "message": f"Unknown model: {model}", "details": None}
    return ServiceError(json_response({"error": error}, 400, {"x-ms-error-code": "unknown_model"}))


def no_deployment() -> ServiceError:
    """Return the error of Azure OpenAI for a deployment that does not exist."""
    message = (
        "The API deployment for this resource does not exist. If you created the deployment within the last "
        "5 minutes, please wait a moment and try again."
    )
    return ServiceError(json_response({"error": {"code": "DeploymentNotFound", "message": message}}, 404))


def api_version_not_supported() -> ServiceError:
    """Return the error of Azure for an `api-version` that is none."""
    return ServiceError(json_response({"error": {"code": "BadRequest", "message": "API version not supported"}}, 400))


def resource_not_found() -> Response:
    """Return the error of Azure OpenAI for an address that it does not know, also for want of an `api-version`."""
    return json_response({"error": {"code": "404", "message": "Resource not found"}}, 404)


def container_not_found(status: int = 404) -> Response:
    """Return the error of a container for an address that it does not know, itself or through its front."""
    headers = {"ms-azureml-model-error-reason": "model_error", "ms-azureml-model-error-statuscode": "404"}
    return PlainTextResponse("NOT FOUND", status, headers)


def _azure(message: str, param: str, code: str) -> ServiceError:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return ServiceError(json_response({"error": error}, 400))


def _detail(message: str) -> ServiceError:
    return ServiceError(json_response({"detail": message}, 400))


def _vllm(message: str, kind: str, status: int) -> Response:
    body = {"object": "error", "message": message, "type": kind, "param": None, "code": status}
    return json_response(body, status)
