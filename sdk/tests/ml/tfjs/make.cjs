// Writes the models of this folder anew, with the answers of TensorFlow.js itself:
//   npm install --prefix PLACE @tensorflow/tfjs-core@4.22.0 @tensorflow/tfjs-layers@4.22.0 @tensorflow/tfjs-backend-cpu@4.22.0
//   NODE_PATH=PLACE/node_modules node make.cjs FOLDER
const { mkdirSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { randomUniform } = require('@tensorflow/tfjs-core');
const { input, layers: l, model, sequential } = require('@tensorflow/tfjs-layers');
require('@tensorflow/tfjs-backend-cpu');

const [, , OUT] = process.argv;
const numbers = (tensor) => Array.from(tensor.dataSync()).map((value) => Number(value.toPrecision(8)));

/** Weights that are neither small nor 0 and 1, so that a layer that is forgotten is noticed. */
function disturb(made) {
  for (const layer of made.layers) {
    const isNormalising = layer.getClassName() === 'BatchNormalization';
    layer.setWeights(layer.getWeights().map((weight, i) =>
      randomUniform(weight.shape, isNormalising && i === 3 ? 0.5 : -0.5, isNormalising ? 1.5 : 0.5, 'float32', 5 + i)));
  }
}

async function keep(name, made, shape) {
  const folder = join(OUT, name);
  mkdirSync(folder, { recursive: true });
  disturb(made);
  const picture = randomUniform([2, ...shape], 0, 1, 'float32', 3);
  const answer = made.predict(picture);
  await made.save({ save: async ({ weightData, weightSpecs, modelTopology }) => {
    writeFileSync(join(folder, 'weights.bin'), Buffer.from(weightData));
    const weightsManifest = [{ paths: ['./weights.bin'], weights: weightSpecs }];
    writeFileSync(join(folder, 'model.json'), JSON.stringify({ format: 'layers-model', modelTopology, weightsManifest }));
    return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
  } });
  writeFileSync(join(folder, 'answer.json'), JSON.stringify({
    input_shape: picture.shape, input: numbers(picture), output_shape: answer.shape, output: numbers(answer),
  }));
}

function unet() {
  const image = input({ shape: [8, 8, 3], name: 'in' });
  const a = l.conv2d({ filters: 4, kernelSize: 3, padding: 'same', activation: 'relu', name: 'a' }).apply(image);
  const pooled = l.maxPooling2d({ poolSize: 2, name: 'p' }).apply(a);
  const separable = l.separableConv2d({ filters: 6, kernelSize: 3, padding: 'same', depthMultiplier: 2, name: 's' }).apply(pooled);
  const deep = l.activation({ activation: 'relu', name: 'r' }).apply(l.batchNormalization({ name: 'bn' }).apply(separable));
  const sum = l.add({ name: 'add' }).apply([deep, l.conv2d({ filters: 6, kernelSize: 1, name: 'one' }).apply(deep)]);
  const up = l.conv2dTranspose({ filters: 4, kernelSize: 3, strides: 2, padding: 'same', name: 'up' }).apply(sum);
  const both = l.concatenate({ name: 'cat' }).apply([up, a]);
  const coarse = l.averagePooling2d({ poolSize: 3, strides: 2, padding: 'same', name: 'avg' }).apply(both);
  const smooth = l.upSampling2d({ size: [2, 2], name: 'u', interpolation: 'bilinear' }).apply(coarse);
  const all = l.concatenate({ name: 'cat2' }).apply([smooth, both]);
  return model({ inputs: image, outputs: l.conv2d({ filters: 2, kernelSize: 1, activation: 'softmax', name: 'head' }).apply(all) });
}

function classifier() {
  return sequential({ layers: [
    l.zeroPadding2d({ padding: [[1, 0], [0, 2]], inputShape: [9, 7, 3], name: 'z' }),
    l.conv2d({ filters: 4, kernelSize: [3, 2], strides: 2, padding: 'same', useBias: false, name: 'c' }),
    l.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, padding: 'same', activation: 'relu6', name: 'd' }),
    l.leakyReLU({ name: 'l' }),
    l.upSampling2d({ size: [2, 1], name: 'n' }),
    l.conv2dTranspose({ filters: 3, kernelSize: 4, strides: 2, padding: 'same', activation: 'elu', name: 't' }),
    l.dropout({ rate: 0.5, name: 'o' }),
    l.flatten({ name: 'f' }),
    l.dense({ units: 12, activation: 'tanh', name: 'x' }),
    l.reshape({ targetShape: [2, 2, 3], name: 'sh' }),
    l.globalMaxPooling2d({ name: 'gm' }),
    l.dense({ units: 3, activation: 'softmax', name: 'y' }),
  ] });
}

function attention() {
  const image = input({ shape: [6, 5, 3], name: 'in' });
  const some = l.reLU({ maxValue: 1, name: 'most' }).apply(l.conv2d({ filters: 4, kernelSize: 3, dilationRate: 2, name: 'wide' }).apply(image));
  const gate = l.conv2d({ filters: 4, kernelSize: 1, activation: 'sigmoid', name: 'gate' }).apply(some);
  const pooled = l.globalAveragePooling2d({ name: 'mean' }).apply(l.multiply({ name: 'gated' }).apply([some, gate]));
  return model({ inputs: image, outputs: l.softmax({ name: 'soft' }).apply(l.dense({ units: 2, name: 'two' }).apply(pooled)) });
}

keep('unet', unet(), [8, 8, 3])
  .then(() => keep('attention', attention(), [6, 5, 3]))
  .then(() => keep('classifier', classifier(), [9, 7, 3]));
