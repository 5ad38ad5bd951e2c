package credentials

import (
	"strings"
	"testing"
)

func TestSafe(t *testing.T) {
	tests := []struct{ text, secret, want string }{
		{"token CANARY/token+x refused", "CANARY/token+x", "token [secret] refused"},
		{"token=CANARY%2Ftoken%2Bx", "CANARY/token+x", "token=[secret]"},
		{"a token of someone else: " + mint(claimsOf(1)) + ".", "", "a token of someone else: [secret]."},
		{"::error::\r\n\x1b[31mx", "", "::error:: [31mx"},
		{`{"SecretAccessKey":"CANARY"}`, "", "[an answer that holds keys]"},
		{strings.Repeat("é", maxText), "", strings.Repeat("é", maxText/2) + " ..."},
		{"short ab", "ab", "short ab"},
	}
	for _, tt := range tests {
		if got := safe(tt.text, tt.secret); got != tt.want {
			t.Errorf("safe(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}
