"""The LangChain chat model for Azure Machine Learning endpoints, under langchain_community's names."""

from chatbot.azureml.chat_model import AzureMLChatOnlineEndpoint
from chatbot.azureml.errors import (
    AzureMLAPIError,
    AzureMLAuthenticationError,
    AzureMLConnectionError,
    AzureMLContentFilterError,
    AzureMLContextOverflowError,
    AzureMLError,
    AzureMLInvalidRequestError,
    AzureMLNotFoundError,
    AzureMLPermissionDeniedError,
    AzureMLRateLimitError,
    AzureMLResponseError,
    AzureMLStreamError,
    AzureMLTimeoutError,
)
from chatbot.azureml.formatters import (
    ContentFormatterBase,
    CustomOpenAIChatContentFormatter,
    LlamaChatContentFormatter,
    MistralChatContentFormatter,
)
from chatbot.azureml.surfaces import AzureMLEndpointApiType
from chatbot.azureml.text_formatters import (
    CustomOpenAIContentFormatter,
    DollyContentFormatter,
    GPT2ContentFormatter,
    HFContentFormatter,
    OpenAIChatContentFormatter,
    PromptFlowContentFormatter,
    formatter_named,
)

__all__ = [
    "AzureMLAPIError",
    "AzureMLAuthenticationError",
    "AzureMLChatOnlineEndpoint",
    "AzureMLConnectionError",
    "AzureMLContentFilterError",
    "AzureMLContextOverflowError",
    "AzureMLEndpointApiType",
    "AzureMLError",
    "AzureMLInvalidRequestError",
    "AzureMLNotFoundError",
    "AzureMLPermissionDeniedError",
    "AzureMLRateLimitError",
    "AzureMLResponseError",
    "AzureMLStreamError",
    "AzureMLTimeoutError",
    "ContentFormatterBase",
    "CustomOpenAIChatContentFormatter",
    "CustomOpenAIContentFormatter",
    "DollyContentFormatter",
    "GPT2ContentFormatter",
    "HFContentFormatter",
    "LlamaChatContentFormatter",
    "MistralChatContentFormatter",
    "OpenAIChatContentFormatter",
    "PromptFlowContentFormatter",
    "formatter_named",
]
