package cluster

import (
	"os"
	"regexp"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// The configuration of NATS in deploy/ is one that NATS takes, has what docs/cluster.md asks
// for, and routes to the servers that the compose file starts.
func TestDeployedNATS(t *testing.T) {
	const dir = "../../deploy/cluster/"
	t.Setenv("NATS_NAME", "nats-a")
	o := &server.Options{CheckConfig: true}
	if err := o.ProcessConfigFile(dir + "nats.conf"); err != nil {
		t.Fatal(err)
	}
	if o.ServerName != "nats-a" || !o.JetStream || !o.SyncAlways || o.StoreDir == "" || o.Cluster.Name == "" || len(o.Routes) != 3 {
		t.Errorf("the configuration is %+v", o)
	}
	compose, err := os.ReadFile(dir + "compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, route := range o.Routes {
		service := regexp.MustCompile(`(?m)^  ` + regexp.QuoteMeta(route.Hostname()) + `:$`)
		if !service.Match(compose) {
			t.Errorf("the compose file has no %s", route.Hostname())
		}
	}
}
