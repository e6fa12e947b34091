package tenterhook

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/tenterhook/tenterhook/clients/go/gen/tenterhook/v1"
)

// Short names for what webhooks sign, see [v1.SigningPolicy].
const (
	// SignStandardWebhooks signs as Standard Webhooks asks; [Verify] expects that.
	SignStandardWebhooks = v1.SignatureScheme_SIGNATURE_SCHEME_STANDARD_WEBHOOKS
	// SignNetBox signs as NetBox does; verify it with [WithScheme] and [NetBox].
	SignNetBox = v1.SignatureScheme_SIGNATURE_SCHEME_NETBOX
	// SignGitHub signs as GitHub does; verify it with [WithScheme] and [GitHub].
	SignGitHub = v1.SignatureScheme_SIGNATURE_SCHEME_GITHUB
)

// FromEarliest is the Start of a watch that begins with the oldest change that is kept.
func FromEarliest() *v1.WatchDeliveriesRequest_Position {
	return &v1.WatchDeliveriesRequest_Position{Position: v1.WatchPosition_WATCH_POSITION_EARLIEST}
}

// FromToken is the Start of a watch that resumes after a token.
func FromToken(token string) *v1.WatchDeliveriesRequest_ResumeToken {
	return &v1.WatchDeliveriesRequest_ResumeToken{ResumeToken: token}
}

// FromTime is the Start of a watch that begins with the changes from that time on.
func FromTime(moment time.Time) *v1.WatchDeliveriesRequest_StartTime {
	return &v1.WatchDeliveriesRequest_StartTime{StartTime: timestamppb.New(moment)}
}
