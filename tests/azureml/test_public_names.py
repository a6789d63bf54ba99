import chatbot.azureml


def test_the_public_names_are_these_and_no_others():
    assert chatbot.azureml.__all__ == [
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


def test_the_public_names_are_sorted():
    assert chatbot.azureml.__all__ == sorted(chatbot.azureml.__all__)


def test_every_public_name_exists():
    assert [name for name in chatbot.azureml.__all__ if not hasattr(chatbot.azureml, name)] == []
