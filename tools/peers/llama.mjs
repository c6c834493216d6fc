// llama.mjs FILE IDS: the loss of every token of a JSON array of ids given those before it, by llama.cpp with keys and values in F32,
// as a JSON array; with --text, the ids of every JSON string of IDS, a line each.
import {readFileSync} from "fs";
import {createRequire} from "module";
import {pathToFileURL} from "url";

const [path, input, text] = process.argv.slice(2);
const {getLlama} = await import(pathToFileURL(createRequire(process.cwd() + "/").resolve("node-llama-cpp")));
const llama = await getLlama({gpu: false, build: "never", logLevel: "error", maxThreads: 1});
const model = await llama.loadModel({modelPath: path, gpuLayers: 0});
if (text) {
    for (const line of JSON.parse(readFileSync(input)))
        console.log(JSON.stringify(model.tokenize(line, true)));
    process.exit(0);
}
const ids = JSON.parse(readFileSync(input));
const context = await model.createContext({contextSize: ids.length + 8, batchSize: 512, threads: 1, flashAttention: false,
    experimentalKvCacheKeyType: "F32", experimentalKvCacheValueType: "F32"});
const losses = new Array(ids.length - 1);
await context.getSequence().controlledEvaluate(
    ids.map((id, i) => i + 1 < ids.length ? [id, {generateNext: {probabilities: true, options: {temperature: 1, topK: 0, topP: 1, minP: 0}}}] : id),
    {onTokenResult: (i, result) => { losses[i] = -Math.log(result.next.probabilities.get(ids[i + 1])); }});
console.log(JSON.stringify(losses));
process.exit(0);
