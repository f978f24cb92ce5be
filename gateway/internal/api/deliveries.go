package api

import (
	"context"
	"net/http"

	"github.com/carillon-gateway/carillon/gateway"
)

type listDeliveries struct {
	InGroup
	Paging
	Broadcast gateway.ID            `query:"broadcast" doc:"Only of this broadcast."`
	Member    gateway.ID            `query:"member" doc:"Only to this member."`
	State     gateway.DeliveryState `query:"state" enum:"waiting,sending,accepted,delivered,in doubt,ended"`
	Reason    gateway.Reason        `query:"reason" enum:"failed,suppressed,expired,cancelled,merged,replaced"`
}

// InDelivery is the part of a path that names a delivery.
type InDelivery struct {
	InGroup
	Delivery gateway.ID `path:"delivery" example:"0195a3c2-7b1e-7c3d-9f00-1a2b3c4d5e6f"`
}

const deliveryTag = "Deliveries"

func (s *server) addDeliveries() {
	sample := gateway.Delivery{ID: sampleID, GroupID: sampleID, BroadcastID: sampleID, MemberID: sampleID, State: gateway.DeliveryInDoubt, Locale: "de", ChannelID: sampleID, PointID: sampleID, Tries: 1, CreatedAt: sampleTime}
	whole := sample
	whole.Attempts = []gateway.Attempt{{ID: sampleID, DeliveryID: sampleID, No: 1, ChannelID: sampleID, PointID: sampleID, State: gateway.InDoubt,
		Refusal: gateway.Refusal{Class: "unknown", Scope: "channel", Detail: "no answer came after the request was written"}, ClaimedAt: sampleTime, SettledAt: sampleTime}}

	add(s, route{ID: "list-deliveries", Method: http.MethodGet, Path: "/api/v1/groups/{group}/deliveries", Tag: deliveryTag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "List deliveries", About: "In order of broadcast, then of member. A delivery is one broadcast for one member.", Answer: page[gateway.Delivery]{Items: []gateway.Delivery{sample}}},
		func(ctx context.Context, who caller, in *listDeliveries) (*body[page[gateway.Delivery]], error) {
			list, err := s.Ledger.Deliveries(ctx, gateway.DeliveryFilter{Group: who.Group.ID, Broadcast: in.Broadcast, Member: in.Member,
				State: in.State, Reason: in.Reason, After: in.After, Limit: in.Limit + 1})
			return &body[page[gateway.Delivery]]{pageOf(list, in.Limit, func(d gateway.Delivery) gateway.ID { return d.ID })}, err
		})
	add(s, route{ID: "get-delivery", Method: http.MethodGet, Path: "/api/v1/groups/{group}/deliveries/{delivery}", Tag: deliveryTag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "Read a delivery with its attempts", About: "Accepted means handed over to the provider, no more. In doubt means that nobody knows.", Answer: whole},
		func(ctx context.Context, who caller, in *InDelivery) (*body[gateway.Delivery], error) {
			d, err := s.Ledger.Delivery(ctx, who.Group.ID, in.Delivery)
			return &body[gateway.Delivery]{d}, err
		})
	add(s, route{ID: "resend-delivery", Method: http.MethodPost, Path: "/api/v1/groups/{group}/deliveries/{delivery}/resend", Tag: deliveryTag, Scope: ofGroup, Role: gateway.Author,
		Summary: "Send one delivery again", About: "For one that is in doubt or ended as failed. The member may get it twice if the first one arrived after all."},
		func(ctx context.Context, who caller, in *InDelivery) (*nothing, error) {
			if err := s.Ledger.Resend(ctx, who.Group.ID, in.Delivery); err != nil {
				return nil, err
			}
			s.Log.Info("a delivery is sent again", "request", requestID(ctx), "group", who.Group.ID, "delivery", in.Delivery, "token", who.Token.ID)
			return &nothing{}, nil
		})
}
