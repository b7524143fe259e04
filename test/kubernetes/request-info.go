// How the API server itself reads requests: one a line, a JSON list of method and target; one answer a line.
package main

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/url"
	"os"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/endpoints/request"
)

func main() {
	factory := &request.RequestInfoFactory{
		APIPrefixes:          sets.NewString("api", "apis"),
		GrouplessAPIPrefixes: sets.NewString("api"),
	}
	lines := bufio.NewScanner(os.Stdin)
	answers := bufio.NewWriter(os.Stdout)
	defer answers.Flush()
	encoder := json.NewEncoder(answers)
	for lines.Scan() {
		var asked [2]string
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			panic(err)
		}
		target, err := url.ParseRequestURI(asked[1])
		if err != nil {
			encoder.Encode(map[string]string{"Error": err.Error()})
			continue
		}
		info, err := factory.NewRequestInfo(&http.Request{Method: asked[0], URL: target})
		if err != nil {
			encoder.Encode(map[string]string{"Error": err.Error()})
			continue
		}
		encoder.Encode(info)
	}
}
