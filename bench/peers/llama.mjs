// llama.mjs FILE THREADS: the bench's work in llama.cpp on a GGUF file, one JSON object a line: {"work", "peer", "rate"}.
import {getLlama} from "node-llama-cpp";

const [path, threads] = [process.argv[2], Number(process.argv[3])];
const llama = await getLlama({gpu: false, build: "never", logLevel: "error", maxThreads: threads});
const model = await llama.loadModel({modelPath: path, gpuLayers: 0});
const ids = (n) => Array.from({length: n}, (_, i) => 300 + (i * 7919) % 31000);
const middle = (x) => x.sort((a, b) => a - b)[Math.floor(x.length / 2)];

for (const flash of [false, true]) {
    const peer = flash ? "llama.cpp, flash attention" : "llama.cpp";
    for (const n of [512, 2048]) {
        const context = await model.createContext({contextSize: n + 64, batchSize: 512, threads, flashAttention: flash});
        const sequence = context.getSequence(), times = [];
        for (let run = 0; run < 4; run++) {
            await sequence.clearHistory();
            const started = performance.now();
            await sequence.evaluateWithoutGeneratingNewTokens(ids(n));
            if (run > 0)
                times.push((performance.now() - started) / 1000);
        }
        console.log(JSON.stringify({work: `prefill.${n}.transformer`, peer, rate: n / middle(times)}));
        if (n === 512) {
            const rates = [];
            for (let run = 0; run < 3; run++) {
                await sequence.clearHistory();
                await sequence.evaluateWithoutGeneratingNewTokens(ids(512));
                let made = 0, started = 0;
                for await (const _ of sequence.evaluate([299], {temperature: 0, yieldEogToken: true})) {
                    if (made === 0)
                        started = performance.now();
                    if (++made > 32)
                        break;
                }
                rates.push(32000 / (performance.now() - started));
            }
            console.log(JSON.stringify({work: "decode.f32.transformer", peer, rate: middle(rates)}));
        }
        await context.dispose();
    }
}
process.exit(0);
