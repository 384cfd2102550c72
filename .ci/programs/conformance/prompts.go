package main

import (
	"context"
	"fmt"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

func addPrompts(s *server.MCPServer) {
	s.AddPrompt(described("test_simple_prompt"), says(mcp.NewTextContent("This is a simple prompt for testing.")))
	s.AddPrompt(described("test_prompt_with_image"),
		says(mcp.NewImageContent(onePixel, "image/png"), mcp.NewTextContent("Please analyze the image above.")))
	s.AddPrompt(described("test_prompt_with_arguments", needs("arg1"), needs("arg2")),
		func(ctx context.Context, r mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			text := fmt.Sprintf("Prompt with arguments: arg1='%s', arg2='%s'", r.Params.Arguments["arg1"], r.Params.Arguments["arg2"])
			return says(mcp.NewTextContent(text))(ctx, r)
		})
	s.AddPrompt(described("test_prompt_with_embedded_resource", needs("resourceUri")),
		func(ctx context.Context, r mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			resource := embedded(r.Params.Arguments["resourceUri"], "Embedded resource content for testing.")
			return says(resource, mcp.NewTextContent("Please process the embedded resource above."))(ctx, r)
		})
	s.AddPrompt(described("test_input_required_result_prompt"), promptOnceAsked)
}

func described(name string, options ...mcp.PromptOption) mcp.Prompt {
	return mcp.NewPrompt(name, append(options, mcp.WithPromptDescription("Part of the conformance suite."))...)
}

func needs(argument string) mcp.PromptOption {
	return mcp.WithArgument(argument, mcp.ArgumentDescription("An argument of the test"), mcp.RequiredArgument())
}

// says returns the handler of a prompt with the given user messages.
func says(contents ...mcp.Content) server.PromptHandlerFunc {
	return func(context.Context, mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		messages := make([]mcp.PromptMessage, 0, len(contents))
		for _, c := range contents {
			messages = append(messages, mcp.NewPromptMessage(mcp.RoleUser, c))
		}
		return mcp.NewGetPromptResult("", messages), nil
	}
}

func promptOnceAsked(ctx context.Context, r mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
	if server.ElicitationResponse(r.Params.InputResponses, "user_context") != nil {
		return says(mcp.NewTextContent("The context was given."))(ctx, r)
	}
	return server.NewInputRequestBuilder("").
		Elicit("user_context", form("What context should the prompt use?", `{"context": {"type": "string"}}`, "context")).PromptResult(), nil
}
